// SPDX-License-Identifier: Apache-2.0
package dev.stoa.tune;

import dev.stoa.data.Example;
import java.util.List;

/// Held-out samples measured during training under a name.
public record EvalSet(String name, List<Example> samples) {
    public EvalSet {
        samples = List.copyOf(samples);
        if (samples.isEmpty()) throw new IllegalArgumentException("evaluation set " + name + " is empty");
    }

    /// `loss` is the token-weighted mean in nat; `exact` the share of samples whose tokens of full weight (the answer)
    /// are all the most likely ones given the correct text before them, which is what greedy decoding would answer.
    public record Score(String name, double loss, double exact, int samples, long trainedTokens) {}
}
