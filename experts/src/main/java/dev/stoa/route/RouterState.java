// SPDX-License-Identifier: Apache-2.0
package dev.stoa.route;

import dev.stoa.route.feature.RouteText;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;

/// All a router knows, as one immutable value that is swapped whole. `labels` excludes the base, whose scores come
/// last. `fallback` is the hashed model fitted beside the configured one, or null when that is the model itself.
public record RouterState(
        long version, List<String> labels, RouterModel model, RouterModel fallback, Map<String, RoutedExpert> roster,
        CompositionTable composition) {
    public RouterState {
        labels = List.copyOf(labels);
        roster = Map.copyOf(new TreeMap<>(roster));
    }

    /// The same router over other experts, as the next version; masks what is not in `experts`.
    public RouterState withRoster(Map<String, RoutedExpert> experts) {
        return new RouterState(version + 1, labels, model, fallback, experts, composition);
    }

    public RouterState withComposition(CompositionTable table) {
        return new RouterState(version + 1, labels, model, fallback, roster, table);
    }

    /// The same router without one expert's label: no later request can select it.
    public RouterState without(String label) {
        Map<String, RoutedExpert> left = new TreeMap<>(roster);
        left.remove(label);
        return withRoster(left);
    }

    /// Routes with one of the two models; failures are thrown. `previous` are the labels of the conversation's last turn.
    public RouteDecision decide(RouterModel chosen, RouteRequest request, Set<String> previous) {
        return decide(chosen, chosen.score(RouteText.of(request.messages())), request, previous);
    }

    /// The same from scores that `chosen` gave before; null scores are an empty input.
    public RouteDecision decide(RouterModel chosen, RouterModel.Scores scores, RouteRequest request, Set<String> previous) {
        if (scores == null) return RouteDecision.base(version, RouteReason.EMPTY_INPUT);
        return Policy.decide(this, chosen, scores, request, previous);
    }
}
