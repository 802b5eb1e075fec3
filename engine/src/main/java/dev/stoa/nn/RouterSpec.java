// SPDX-License-Identifier: Apache-2.0
package dev.stoa.nn;

/// How rows choose experts.
///
/// @param scoring how router outputs become scores
/// @param topK experts per row
/// @param renormalize whether the chosen scores are divided by their sum, plus `epsilon`
/// @param selectionBias whether a bias per expert is added for the choice only (MiniMax-M2)
/// @param ownInput whether the router reads the residual through a weightless RMS norm, times hidden^-1/2 and a
///     learned scale per channel (Gemma 4)
/// @param perExpertScale whether weights are multiplied by a learned scale per expert (Gemma 4)
public record RouterSpec(
        Scoring scoring, int topK, boolean renormalize, double epsilon, boolean selectionBias, boolean ownInput, boolean perExpertScale) {
    /// From router outputs to scores.
    public enum Scoring { SOFTMAX, SIGMOID }

    /// Softmax over all experts, then the best of them.
    public static RouterSpec softmax(int topK, boolean renormalize) {
        return new RouterSpec(Scoring.SOFTMAX, topK, renormalize, 0, false, false, false);
    }
}
