// SPDX-License-Identifier: Apache-2.0
package dev.stoa.route;

import dev.stoa.generate.Compose;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/// What was measured about mounting several experts at once: how they are combined best, with which weights, and
/// which pairs may be mounted together. Immutable. A pair that was not measured is not composed.
public record CompositionTable(Map<String, Pair> pairs, List<Mode> modes, double harmTolerance) {
    public static final CompositionTable UNMEASURED = new CompositionTable(Map.of(), List.of(), 0);

    /// CONVEX: p_i / sum p. UNIT: 1 each.
    public enum Weights { CONVEX, UNIT }

    /// A measured pair: `gain` is its score minus that of the better single member (with its 95 % interval).
    public record Pair(boolean allowed, double gain, double low, double high, int n) {}

    /// A measured way of combining: score on composite prompts, mean loss on single-domain ones, speed.
    public record Mode(Compose compose, Weights weights, double composite, double harm, double tokensPerSecond) {}

    public CompositionTable {
        pairs = Map.copyOf(new TreeMap<>(pairs));
        modes = List.copyOf(modes);
    }

    /// The key of a pair, the same in both orders.
    public static String key(String a, String b) {
        return a.compareTo(b) <= 0 ? a + "+" + b : b + "+" + a;
    }

    /// `allowed`, `denied` or `pair_untested`.
    public String status(String a, String b) {
        Pair pair = pairs.get(key(a, b));
        return pair == null ? "pair_untested" : pair.allowed() ? "allowed" : "denied";
    }

    /// The mode with the best composite score among those whose harm is within the tolerance of the least harmful;
    /// ties go to the faster one. Null before any measurement.
    public Mode best() {
        double least = modes.stream().mapToDouble(Mode::harm).min().orElse(0);
        Mode best = null;
        for (Mode mode : modes) {
            if (mode.harm() > least + harmTolerance) continue;
            if (best == null || mode.composite() > best.composite()
                    || mode.composite() == best.composite() && mode.tokensPerSecond() > best.tokensPerSecond()) {
                best = mode;
            }
        }
        return best;
    }

    /// How a set of this size is combined: one expert is a plain sum; several follow the best measured mode, else
    /// are combined at the logits.
    public Compose composeFor(int experts) {
        if (experts <= 1) return Compose.SUM;
        Mode best = best();
        return best == null ? Compose.LOGITS : best.compose();
    }

    public Weights weights() {
        Mode best = best();
        return best == null ? Weights.CONVEX : best.weights();
    }
}
