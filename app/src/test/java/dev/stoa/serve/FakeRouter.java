// SPDX-License-Identifier: Apache-2.0
package dev.stoa.serve;

import dev.stoa.generate.Compose;
import dev.stoa.route.ActiveExpert;
import dev.stoa.route.LabelScore;
import dev.stoa.route.RouteDecision;
import dev.stoa.route.RouteReason;
import dev.stoa.route.RouteRequest;
import dev.stoa.route.Router;
import java.util.ArrayList;
import java.util.List;

/// Routes to the experts whose name the last message contains.
final class FakeRouter implements Router {
    private final List<String> names;
    volatile long sleepMs;
    volatile boolean broken;

    FakeRouter(String... names) {
        this.names = List.of(names);
    }

    @Override
    public RouteDecision route(RouteRequest request) {
        if (broken) throw new IllegalStateException("planted");
        try {
            if (sleepMs > 0) Thread.sleep(sleepMs);
        } catch (InterruptedException cut) {
            Thread.currentThread().interrupt();
        }
        String text = request.messages().getLast().content();
        List<ActiveExpert> active = new ArrayList<>();
        List<LabelScore> domains = new ArrayList<>();
        for (String name : names) {
            boolean kept = text.contains(name) && active.size() < request.options().topK();
            domains.add(new LabelScore(name, name, kept ? 0.8 : 0.1, 0.12, kept ? 1.5 : -2, kept, kept ? null : "threshold"));
            if (kept) active.add(new ActiveExpert(name, "1", "hash-" + name + "-1", name, 0.8, 1));
        }
        if (active.isEmpty()) return new RouteDecision(3, true, RouteReason.NO_LABEL_OVER_THRESHOLD, active, null, domains, null);
        return new RouteDecision(3, false, RouteReason.ROUTED, active, Compose.SELECT, domains, null);
    }
}
