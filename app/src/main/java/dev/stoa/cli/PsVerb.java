// SPDX-License-Identifier: Apache-2.0
package dev.stoa.cli;

import dev.stoa.AppFault;
import dev.stoa.Fault;
import java.io.IOException;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import tools.jackson.databind.JsonNode;

/// `stoa ps`: the servers this user runs.
@Command(name = "ps", sortOptions = false, description = "List running servers.",
        footer = {"", "Examples:", "  stoa ps", "  stoa ps --wait-ready 60"})
final class PsVerb implements Callable<Integer> {
    private final Session session;

    @Option(names = "--wait-ready", paramLabel = "SECONDS", description = "Wait until a server answers, at most this long.")
    private Integer waitSeconds;

    PsVerb(Session session) {
        this.session = session;
    }

    @Override
    public Integer call() throws IOException, InterruptedException {
        Console console = session.console("ps");
        Home home = Home.of(session.terminal);
        List<Map<String, Object>> servers = look(home);
        long end = System.nanoTime() + (waitSeconds == null ? 0 : waitSeconds) * 1_000_000_000L;
        while (waitSeconds != null && servers.stream().noneMatch(one -> one.get("status").equals("ok"))) {
            if (System.nanoTime() > end) {
                throw Fault.of(AppFault.NO_SERVER, "no server became ready in %d s", waitSeconds).next("stoa serve MODEL").exception();
            }
            Thread.sleep(200);
            servers = look(home);
        }
        List<List<String>> rows = new ArrayList<>();
        for (Map<String, Object> one : servers) {
            rows.add(List.of("pid", "port", "status", "model", "experts", "requests", "uptime", "url").stream()
                    .map(key -> String.valueOf(one.getOrDefault(key, "-"))).toList());
        }
        if (rows.isEmpty()) console.say("no server is running; stoa serve MODEL starts one");
        else console.table(List.of("PID", "PORT", "STATUS", "MODEL", "EXPERTS", "REQUESTS", "UPTIME", "URL"), rows);
        console.result(Map.of("servers", servers));
        return ExitCode.DONE.number;
    }

    private static List<Map<String, Object>> look(Home home) throws IOException, InterruptedException {
        List<Map<String, Object>> servers = new ArrayList<>();
        for (Home.Running server : home.servers()) {
            Map<String, Object> one = new LinkedHashMap<>();
            one.put("pid", server.pid());
            one.put("port", server.port());
            one.put("url", server.url());
            one.put("model", server.model());
            Optional<JsonNode> health = HealthCall.of(server.url());
            one.put("status", health.map(node -> node.path("status").asString("unknown")).orElse("silent"));
            health.ifPresent(node -> {
                one.put("experts", node.path("experts").asInt());
                one.put("requests", node.path("requests").asInt());
                one.put("uptime", Progress.duration(node.path("uptime_s").asDouble()));
            });
            servers.add(one);
        }
        return servers;
    }
}
