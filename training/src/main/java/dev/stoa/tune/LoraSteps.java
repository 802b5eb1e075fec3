// SPDX-License-Identifier: Apache-2.0
package dev.stoa.tune;

import dev.stoa.data.Example;
import dev.stoa.grad.Compute;
import dev.stoa.grad.Parameter;
import dev.stoa.kernel.Kernels;
import dev.stoa.kernel.Updates;
import dev.stoa.model.Model;
import dev.stoa.tensor.Scope;
import java.util.List;

/// Single optimizer steps of a LoRA run without its loop: no files, no guards, no evaluation. For measuring speed.
public final class LoraSteps {
    private final Trainee trainee;
    private final Updates updates;
    private final LoraTrain.Config config;
    private int count;

    /// `recompute` keeps only the inputs of layers for the way back. Memory comes from `scope`.
    public LoraSteps(LoraTrain.Config config, Model model, Kernels kernels, Compute compute, boolean recompute, Scope scope) {
        this.config = config;
        updates = kernels.updates();
        trainee = LoraTrain.trainee(config, model, kernels, compute, recompute, scope);
    }

    public long parameters() {
        return trainee.parameterCount();
    }

    /// Forward, backward, clipping, update; answers the mean loss in nat.
    public double step(List<Example> samples) {
        for (Parameter parameter : trainee.parameters()) parameter.gradient().data().fill((byte) 0);
        Replicas.Sum sum = trainee.replicas().accumulate(samples, config.train().microTokens());
        double norm = 0;
        for (Parameter parameter : trainee.parameters()) norm += updates.sumSquares(parameter.gradient());
        norm = Math.sqrt(norm) / sum.weight();
        double clip = config.train().clip();
        trainee.optimizer().step(++count, 1, (clip > 0 && norm > clip ? clip / norm : 1) / sum.weight());
        return sum.loss() / sum.weight();
    }
}
