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

    /// Probabilities `p` and first head's log-odds per label (base last), and the abstain score.
    public record Scores(double[] p, double[] headLogit, double abstain, int windows, double featureUs, double headUs) {}

    /// Null when the text has no usable word.
    public Scores score(RouteText text) {
        long start = System.nanoTime();
        List<String> found = WordSplitter.words(text.user());
        if (found.isEmpty()) return null;
        RouteInput input = new RouteInput(source.embed(text), found);
        long embedded = System.nanoTime();
        double[][] odds = new double[heads.size()][];
        for (int k = 0; k < odds.length; k++) odds[k] = heads.get(k).logOdds(input);
        double[] z = calibration.apply(odds);
        double abstain = gate.score(input, z, words.known(found));
        double[] p = new double[z.length];
        for (int c = 0; c < p.length; c++) p[c] = Logits.sigmoid(z[c]);
        long done = System.nanoTime();
        return new Scores(p, odds[0], abstain, input.windows().size(), (embedded - start) / 1e3, (done - embedded) / 1e3);
    }
}
