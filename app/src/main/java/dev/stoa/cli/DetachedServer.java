// SPDX-License-Identifier: Apache-2.0
package dev.stoa.cli;

import dev.stoa.AppFault;
import dev.stoa.Fault;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/// Starts this same command line again without `--detach`, as a process of its own, and waits until it is ready.
final class DetachedServer {
    private static final int PATIENCE_SECONDS = 300;
    private final Session session;
    private final Console console;

    DetachedServer(Session session, Console console) {
        this.session = session;
        this.console = console;
    }

    int start() throws IOException, InterruptedException {
        Home home = Home.of(session.terminal);
        Files.createDirectories(home.logs());
        Path log = Files.createTempFile(home.logs(), "serve-", ".log");
        List<String> command = new ArrayList<>();
        command.add(ProcessHandle.current().info().command().orElse("java"));
        command.addAll(ManagementFactory.getRuntimeMXBean().getInputArguments());
        command.addAll(List.of("-cp", System.getProperty("java.class.path"), Main.class.getName()));
        for (String argument : session.arguments) {
            if (!argument.equals("--detach") && !argument.equals("--json")) command.add(argument);
        }
        Process process = new ProcessBuilder(command).redirectErrorStream(true).redirectOutput(log.toFile())
                .redirectInput(ProcessBuilder.Redirect.from(new java.io.File("/dev/null"))).start();
        long end = System.nanoTime() + PATIENCE_SECONDS * 1_000_000_000L;
        while (System.nanoTime() < end) {
            if (!process.isAlive()) {
                String said = Files.readString(log).strip();
                throw Fault.of(AppFault.NO_SERVER, "the server did not start").where(log)
                        .issues(said.lines().filter(line -> !line.startsWith("WARNING: Using incubator")).limit(12).toList()).exception();
            }
            for (Home.Running server : home.servers()) {
                if (server.pid() == process.pid()) return ready(server, log);
            }
            Thread.sleep(50);
        }
        process.destroyForcibly();
        throw Fault.of(AppFault.NO_SERVER, "the server was not ready in %d s", PATIENCE_SECONDS).where(log).exception();
    }

    private int ready(Home.Running server, Path log) {
        console.line("ready  %s  pid %d  log %s", server.url(), server.pid(), log);
        console.say("stop it with: stoa stop %d", server.port());
        Map<String, Object> data = new LinkedHashMap<>();
        data.put("url", server.url());
        data.put("port", server.port());
        data.put("pid", server.pid());
        data.put("log", log.toString());
        console.result(data);
        return ExitCode.DONE.number;
    }
}
