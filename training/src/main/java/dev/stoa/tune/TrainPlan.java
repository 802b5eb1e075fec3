// SPDX-License-Identifier: Apache-2.0
package dev.stoa.tune;

/// What a run is going to do, known before its first step. `memoryBytes` is the estimate of spec "planner": parameters
/// with gradients and moments, activations of one micro-batch, head buffers, mapped base; `epochs` is 0 for endless data.
public record TrainPlan(
        String kind, long trainedParameters, long totalParameters, int steps, int warmupSteps, double epochs, int microTokens,
        long memoryBytes, long memoryLimit, String kernels) {
    public double trainedShare() {
        return (double) trainedParameters / totalParameters;
    }
}
