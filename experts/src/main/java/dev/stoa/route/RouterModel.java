// SPDX-License-Identifier: Apache-2.0
package dev.stoa.route;

import dev.stoa.route.feature.FeatureSource;
import dev.stoa.route.feature.RouteText;
import dev.stoa.route.feature.WordSplitter;
import dev.stoa.route.head.AbstainGate;
import dev.stoa.route.head.Calibration;
import dev.stoa.route.head.Head;
import dev.stoa.route.head.Logits;
import dev.stoa.route.head.RouteInput;
import dev.stoa.route.head.WordHead;
import java.util.List;

/// Everything between a text and its calibrated label probabilities, as fitted. Immutable and thread-safe.
///
/// `heads` has one head, or two that are stacked by the calibration. `words` also judges how many words are known.
/// `thresholds` has one value per label (the base has none).
public record RouterModel(
        FeatureSource source, List<Head> heads, WordHead words, Calibration calibration, double[] thresholds,
        double relativeFloor, AbstainGate gate) {
    /// The default: "at least a 12 % chance that this expert helps".
    public static final double THRESHOLD = 0.12;
    public static final double RELATIVE_FLOOR = 0.35;

    public RouterModel {
        heads = List.copyOf(heads);
    }

    /// Probabilities `p` and the first head's log-odds per label (base last), and the abstain score.
    public record Scores(double[] p, double[] headLogit, double abstain, int windows, double featureUs, double headUs) {}

    /// Null when the text has no usable word.
    public Scores score(RouteText text) {
        long start = System.nanoTime();
        RouteInput input = input(text);
        if (input.words().isEmpty()) return null;
        return score(input, (System.nanoTime() - start) / 1e3);
    }

    public RouteInput input(RouteText text) {
        List<String> found = WordSplitter.words(text.user());
        return new RouteInput(found.isEmpty() ? List.of() : source.embed(text), found);
    }

    /// Scores features that were computed before, in `featureUs` microseconds.
    public Scores score(RouteInput input, double featureUs) {
        long start = System.nanoTime();
        double[][] odds = new double[heads.size()][];
        for (int k = 0; k < odds.length; k++) odds[k] = heads.get(k).logOdds(input);
        double[] z = calibration.apply(odds);
        double abstain = gate.score(input, z, words.known(input.words()));
        double[] p = new double[z.length];
        for (int c = 0; c < p.length; c++) p[c] = Logits.sigmoid(z[c]);
        return new Scores(p, odds[0], abstain, input.windows().size(), featureUs, (System.nanoTime() - start) / 1e3);
    }

    /// The same model with another abstain gate.
    public RouterModel withGate(AbstainGate other) {
        return new RouterModel(source, heads, words, calibration, thresholds, relativeFloor, other);
    }

    /// The same model with other thresholds (one per label) and relative floor.
    public RouterModel withThresholds(double[] perLabel, double floor) {
        return new RouterModel(source, heads, words, calibration, perLabel, floor, gate);
    }
}
