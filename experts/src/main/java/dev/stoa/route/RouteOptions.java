// SPDX-License-Identifier: Apache-2.0
package dev.stoa.route;

import dev.stoa.EngineFault;
import dev.stoa.ExpertsFault;
import dev.stoa.Fault;
import dev.stoa.generate.Compose;
import java.util.HashSet;
import java.util.List;
import java.util.Set;

/// What a caller may ask of the router.
///
/// `threshold` null means each label's own (0.12 unless fitted). `topK` is 1 to 4. `compose` null means the way of
/// combining that was measured best. `forced` bypasses the router. `explain` asks for the trace.
public record RouteOptions(
        Double threshold, int topK, Breadth breadth, List<Forced> forced, Compose compose, boolean explain) {
    public static final int LIMIT = 4;
    public static final RouteOptions DEFAULT = new RouteOptions(null, LIMIT, Breadth.AUTO, List.of(), null, false);

    /// How many of the accepted labels are mounted: the first, those whose pairs were measured to be compatible, all.
    public enum Breadth { SINGLE, AUTO, ALL }

    /// An expert named by the caller, 0 < weight <= 2.
    public record Forced(String id, double weight) {
        public Forced {
            Fault.require(weight > 0 && weight <= 2, EngineFault.INVALID_WEIGHT,
                    "weight %s of expert %s is outside (0, 2]", weight, id);
        }
    }

    public RouteOptions {
        if (threshold != null && !(threshold >= 0 && threshold <= 1)) {
            throw Fault.of(ExpertsFault.INVALID_THRESHOLD, "the threshold is a probability")
                    .got(threshold).expected("a number in [0, 1]").exception();
        }
        if (topK < 1 || topK > LIMIT) {
            throw Fault.of(ExpertsFault.INVALID_TOP_K, "top_k is out of range")
                    .got(topK).expected("1 to " + LIMIT).exception();
        }
        Fault.require(forced.size() <= LIMIT, EngineFault.TOO_MANY_EXPERTS,
                "%d experts requested, at most %d are allowed", forced.size(), LIMIT);
        Set<String> seen = new HashSet<>();
        for (Forced one : forced) {
            Fault.require(seen.add(one.id()), EngineFault.DUPLICATE_EXPERT, "expert %s is requested twice", one.id());
        }
        forced = List.copyOf(forced);
    }

    public RouteOptions withThreshold(double value) {
        return new RouteOptions(value, topK, breadth, forced, compose, explain);
    }

    public RouteOptions withTopK(int count) {
        return new RouteOptions(threshold, count, breadth, forced, compose, explain);
    }

    public RouteOptions withBreadth(Breadth value) {
        return new RouteOptions(threshold, topK, value, forced, compose, explain);
    }

    public RouteOptions withForced(List<Forced> experts) {
        return new RouteOptions(threshold, topK, breadth, experts, compose, explain);
    }

    public RouteOptions withCompose(Compose value) {
        return new RouteOptions(threshold, topK, breadth, forced, value, explain);
    }

    public RouteOptions withExplain(boolean value) {
        return new RouteOptions(threshold, topK, breadth, forced, compose, value);
    }
}
