// SPDX-License-Identifier: Apache-2.0
package dev.stoa.serve;

import dev.stoa.serve.http.Reply;
import dev.stoa.serve.http.Request;
import dev.stoa.serve.pipeline.Backend;
import dev.stoa.serve.pipeline.Pipeline;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Supplier;

/// `/health`, `/health/live`, `/health/ready`. `degraded` names what the server runs without although it was asked to
/// have it; 503 only while it shuts down.
final class HealthHandler {
    private final Backend backend;
    private final Pipeline pipeline;
    private final Supplier<List<String>> problems;
    private final long startNanos = System.nanoTime();

    HealthHandler(Backend backend, Pipeline pipeline, Supplier<List<String>> problems) {
        this.backend = backend;
        this.pipeline = pipeline;
        this.problems = problems;
    }

    Reply health(Request request) {
        List<String> found = new ArrayList<>(problems.get());
        boolean draining = pipeline.isDraining();
        Map<String, Object> body = new LinkedHashMap<>();
        body.put("status", draining ? "draining" : found.isEmpty() ? "ok" : "degraded");
        body.put("version", Version.STOA);
        body.put("uptime_s", (System.nanoTime() - startNanos) / 1_000_000_000);
        body.put("model", backend.model().id());
        body.put("experts", backend.experts().list().size());
        body.put("router", backend.router() != null);
        body.put("memory", backend.memory() != null);
        body.put("requests", pipeline.inFlight());
        if (!found.isEmpty()) body.put("problems", found);
        return Reply.json(draining ? 503 : 200, body);
    }

    Reply live(Request request) {
        return Reply.json(Map.of("status", "ok"));
    }

    Reply ready(Request request) {
        boolean draining = pipeline.isDraining();
        return Reply.json(draining ? 503 : 200, Map.of("status", draining ? "draining" : "ok"));
    }
}
