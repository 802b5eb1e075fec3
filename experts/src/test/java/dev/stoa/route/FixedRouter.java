// SPDX-License-Identifier: Apache-2.0
package dev.stoa.route;

import dev.stoa.route.feature.HashedFeatures;
import dev.stoa.route.fit.RouterFit;
import dev.stoa.route.head.AbstainGate;
import dev.stoa.route.head.Calibration;
import dev.stoa.route.head.Certificate;
import dev.stoa.route.head.Columns;
import dev.stoa.route.head.LinearHead;
import dev.stoa.route.head.Logits;
import dev.stoa.route.head.Phrases;
import dev.stoa.route.head.WordHead;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/// A router state that gives every text the same probabilities: label l0, l1, … and the base last.
final class FixedRouter {
    private static final HashedFeatures FEATURES = new HashedFeatures();

    private FixedRouter() {}

    static RouterState state(double abstain, double tau, double... p) {
        List<String> labels = new ArrayList<>();
        for (int c = 0; c < p.length - 1; c++) labels.add("l" + c);
        float[] bias = new float[p.length];
        double[][] slopes = new double[p.length][];
        for (int c = 0; c < p.length; c++) {
            bias[c] = (float) Logits.ofProbability(p[c]);
            slopes[c] = new double[] {0, Logits.ofProbability(p[c])};
        }
        LinearHead head = new LinearHead(new Columns(new float[0][], p.length), bias, false);
        double[] thresholds = new double[labels.size()];
        Arrays.fill(thresholds, RouterModel.THRESHOLD);
        double[] share = new double[labels.size()];
        Arrays.fill(share, 1.0 / share.length);
        WordHead words = new WordHead(Phrases.NONE, List.of(""), new float[1][p.length], share, new double[] {1, 0, 0}, 0);
        AbstainGate gate = new AbstainGate(new Columns(new float[0][], labels.size()),
                new Columns(new float[0][], 0), new double[] {0, 0, 0, 0, abstain}, tau,
                new Certificate(true, 0.05, 0.05, 100, 0, 0.03, 100, 0, 0.03, 0));
        RouterModel model = new RouterModel(FEATURES, List.of(head), words,
                new Calibration(slopes, new boolean[p.length]), thresholds, RouterModel.RELATIVE_FLOOR, gate);
        return new RouterState(1, labels, model, null, RouterFit.everyLabel(labels), CompositionTable.UNMEASURED);
    }
}
