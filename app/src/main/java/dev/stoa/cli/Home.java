// SPDX-License-Identifier: Apache-2.0
package dev.stoa.cli;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/// The user's Stoa directory: `STOA_HOME`, else `~/.stoa`. Holds one file per running server and their logs.
record Home(Path root) {
    private static final JsonMapper JSON = JsonMapper.builder().build();

    static Home of(Terminal terminal) {
        String set = terminal.env().getOrDefault("STOA_HOME", "");
        return new Home(set.isEmpty() ? Path.of(System.getProperty("user.home"), ".stoa") : Path.of(set));
    }

    /// A server as it registered itself. `startedAt` is the process's start, so that a reused pid is recognized.
    record Running(long pid, int port, String url, String model, String startedAt, String log) {
        boolean alive() {
            Optional<ProcessHandle> process = ProcessHandle.of(pid).filter(ProcessHandle::isAlive);
            return process.isPresent() && startedAt.equals(startOf(process.get()));
        }
    }

    static String startOf(ProcessHandle process) {
        return process.info().startInstant().map(Instant::toString).orElse("unknown");
    }

    Path logs() {
        return root.resolve("logs");
    }

    private Path file(long pid) {
        return root.resolve("run").resolve(pid + ".json");
    }

    void register(Running server) throws IOException {
        Path file = file(server.pid());
        Files.createDirectories(file.getParent());
        Path part = file.resolveSibling(file.getFileName() + ".part");
        Files.write(part, JSON.writeValueAsBytes(server));
        Files.move(part, file, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
    }

    void forget(long pid) throws IOException {
        Files.deleteIfExists(file(pid));
    }

    /// Servers that run, by port; files of dead ones are removed on the way.
    List<Running> servers() throws IOException {
        Path folder = root.resolve("run");
        if (!Files.isDirectory(folder)) return List.of();
        List<Running> alive = new ArrayList<>();
        List<Path> files;
        try (var found = Files.list(folder)) {
            files = found.filter(file -> file.getFileName().toString().endsWith(".json")).toList();
        }
        for (Path file : files) {
            Running server = read(file);
            if (server != null && server.alive()) alive.add(server);
            else Files.deleteIfExists(file);
        }
        alive.sort(java.util.Comparator.comparingInt(Running::port));
        return alive;
    }

    private static Running read(Path file) throws IOException {
        try {
            JsonNode node = JSON.readTree(Files.readAllBytes(file));
            return new Running(
                    node.path("pid").asLong(), node.path("port").asInt(), node.path("url").asString(""), node.path("model").asString(""),
                    node.path("startedAt").asString(""), node.path("log").asString(""));
        } catch (JacksonException damaged) {
            return null;
        }
    }
}
