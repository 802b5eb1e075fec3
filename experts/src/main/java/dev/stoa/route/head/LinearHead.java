// SPDX-License-Identifier: Apache-2.0
package dev.stoa.route.head;

import java.util.Arrays;

/// Logits = W (C, D) x + b. With `softmax` the logits compete and are turned into log-odds; otherwise each is one.
/// Windows are max-pooled at the logits.
public record LinearHead(Columns weight, float[] bias, boolean softmax) implements Head {
    public LinearHead {
        if (weight.rows() != bias.length) throw new IllegalArgumentException("weight and bias disagree");
    }

    @Override
    public String name() {
        return softmax ? "linear-softmax" : "linear-sigmoid";
    }

    @Override
    public double[] logOdds(RouteInput input) {
        float[] pooled = null;
        for (float[] window : input.windows()) {
            float[] logits = bias.clone();
            weight.multiply(window, logits);
            pooled = Logits.max(pooled, logits);
        }
        return Logits.logOdds(pooled == null ? bias : pooled, softmax);
    }

    @Override
    public boolean equals(Object other) {
        return this == other;
    }

    @Override
    public int hashCode() {
        return Arrays.hashCode(bias);
    }
}
