// SPDX-License-Identifier: Apache-2.0
package dev.stoa.route;

import dev.stoa.ExpertsFault;
import dev.stoa.Fault;
import dev.stoa.FaultException;
import dev.stoa.generate.Compose;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.UnaryOperator;

/// The router that serves: one immutable state behind one reference. A request uses the state it read first, so a swap
/// never mixes two. Without a state, or when anything inside fails, the base answers.
public final class MetaRouter implements Router {
    private static final System.Logger LOG = System.getLogger(MetaRouter.class.getName());
    private static final int CONVERSATIONS = 10_000;
    private final AtomicReference<RouterState> state;
    private final AtomicLong failures = new AtomicLong();
    private final LinkedHashMap<String, Set<String>> previousTurn = new LinkedHashMap<>(64, 0.75f, true);

    /// `initial` may be null: every request then goes to the base as `router_unavailable`.
    public MetaRouter(RouterState initial) {
        state = new AtomicReference<>(initial);
    }

    public RouterState state() {
        return state.get();
    }

    /// Later requests use `next`; running ones finish with what they read.
    public void swap(RouterState next) {
        state.set(next);
    }

    /// Swaps to a change of the current state, once, whatever else swaps meanwhile.
    public RouterState update(UnaryOperator<RouterState> change) {
        return state.updateAndGet(change);
    }

    /// Requests that fell back to the base because something inside failed.
    public long failures() {
        return failures.get();
    }

    @Override
    public RouteDecision route(RouteRequest request) {
        RouterState now = state.get();
        if (!request.options().forced().isEmpty()) return forced(now, request);
        if (now == null) return RouteDecision.base(0, RouteReason.ROUTER_UNAVAILABLE);
        try {
            return decide(now, request);
        } catch (RuntimeException failure) { // the border: routing never fails a request
            failures.incrementAndGet();
            LOG.log(System.Logger.Level.WARNING, "router_unavailable state=" + now.version() + " cause=" + failure);
            return RouteDecision.base(now.version(), RouteReason.ROUTER_UNAVAILABLE);
        }
    }

    private RouteDecision decide(RouterState now, RouteRequest request) {
        String key = request.conversation() == null ? null : request.tenant() + "\u0000" + request.conversation();
        RouteDecision decision;
        try {
            decision = now.decide(now.model(), request, previous(key));
        } catch (RuntimeException failure) {
            if (now.fallback() == null) throw failure;
            failures.incrementAndGet();
            LOG.log(System.Logger.Level.WARNING,
                    "route_features=" + now.model().source().id() + " failed, hashed decides cause=" + failure);
            decision = now.decide(now.fallback(), request, previous(key));
        }
        remember(key, decision);
        return decision;
    }

    private RouteDecision forced(RouterState now, RouteRequest request) {
        List<ActiveExpert> active = new ArrayList<>();
        for (RouteOptions.Forced wanted : request.options().forced()) {
            Map.Entry<String, RoutedExpert> found = now == null ? null : now.roster().entrySet().stream()
                    .filter(entry -> entry.getValue().expertId().equals(wanted.id())
                            && entry.getValue().permits(request.tenant())
                            && !entry.getValue().adapterHash().isEmpty())
                    .findFirst().orElse(null);
            if (found == null) throw unknown(now, request.tenant(), wanted.id());
            RoutedExpert expert = found.getValue();
            active.add(new ActiveExpert(expert.expertId(), expert.version(), expert.adapterHash(), found.getKey(), 1,
                    MixingWeights.quantize(wanted.weight()) / (double) MixingWeights.UNIT));
        }
        Compose compose = request.options().compose() != null
                ? request.options().compose()
                : now.composition().composeFor(active.size());
        return new RouteDecision(now.version(), false, RouteReason.FORCED, active, compose, List.of(), null);
    }

    private static FaultException unknown(RouterState now, String tenant, String id) {
        List<String> usable = now == null ? List.of() : now.roster().values().stream()
                .filter(expert -> expert.permits(tenant) && !expert.adapterHash().isEmpty())
                .map(RoutedExpert::expertId).sorted().toList();
        return Fault.of(ExpertsFault.UNKNOWN_EXPERT, "no such expert").got(id)
                .expected(usable.isEmpty() ? "no expert is mounted" : String.join(", ", usable)).exception();
    }

    private Set<String> previous(String key) {
        if (key == null) return Set.of();
        synchronized (previousTurn) {
            return previousTurn.getOrDefault(key, Set.of());
        }
    }

    private void remember(String key, RouteDecision decision) {
        if (key == null) return;
        Set<String> labels = new HashSet<>();
        for (ActiveExpert expert : decision.active()) labels.add(expert.label());
        synchronized (previousTurn) {
            previousTurn.put(key, labels);
            if (previousTurn.size() > CONVERSATIONS) previousTurn.pollFirstEntry();
        }
    }
}
