// SPDX-License-Identifier: Apache-2.0
package dev.stoa.nn;

import dev.stoa.tensor.Tensor;
import java.util.Arrays;

/// The choice of experts of each row: router matrix (E, H), scores in float64 from F32 outputs, ties to the lower index.
/// `bias` (E), `inputScale` (H) and `expertScale` (E) are null where the spec has none.
public record Router(RouterSpec spec, Linear matrix, float eps, Tensor bias, Tensor inputScale, Tensor expertScale) {
    private static final int SCORES = 5;
    private static final int INPUT = 6;

    /// The experts of each row, rising, and their weights.
    public record Choice(int[][] experts, float[][] weights) {}

    int[] widths() {
        return new int[] {0, 0, 0, 0, 0, matrix.outputs(), spec.ownInput() ? matrix.inputs() : 0};
    }

    Choice choose(FeedForwardCall call) {
        int rows = call.x().rows();
        Tensor input = call.x();
        if (spec.ownInput()) {
            input = call.buffers().at(INPUT, rows, matrix.inputs());
            call.kernels().norm().rms(call.residual(), null, eps, 0, input);
            scale(input);
        }
        Tensor outputs = call.buffers().at(SCORES, rows, matrix.outputs());
        call.projections().apply(matrix, input, outputs, false);
        Choice choice = new Choice(new int[rows][], new float[rows][]);
        for (int t = 0; t < rows; t++) choose(outputs, t, choice);
        return choice;
    }

    private void scale(Tensor input) {
        double root = 1 / Math.sqrt(input.cols());
        for (int t = 0; t < input.rows(); t++) {
            for (int i = 0; i < input.cols(); i++) {
                long at = (long) t * input.cols() + i;
                input.set(at, (float) (input.get(at) * root * inputScale.get(i)));
            }
        }
    }

    private void choose(Tensor outputs, int row, Choice choice) {
        int count = outputs.cols();
        double[] scores = new double[count];
        double max = Double.NEGATIVE_INFINITY;
        for (int e = 0; e < count; e++) max = Math.max(max, scores[e] = outputs.get((long) row * count + e));
        double sum = 0;
        for (int e = 0; e < count; e++) {
            scores[e] = switch (spec.scoring()) {
                case SOFTMAX -> Math.exp(scores[e] - max);
                case SIGMOID -> 1 / (1 + Math.exp(-scores[e]));
            };
            sum += scores[e];
        }
        if (spec.scoring() == RouterSpec.Scoring.SOFTMAX) for (int e = 0; e < count; e++) scores[e] /= sum;
        int[] best = best(scores);
        double chosen = 0;
        for (int e : best) chosen += scores[e];
        float[] weights = new float[best.length];
        for (int i = 0; i < best.length; i++) {
            double weight = spec.renormalize() ? scores[best[i]] / (chosen + spec.epsilon()) : scores[best[i]];
            weights[i] = (float) (expertScale == null ? weight : weight * expertScale.get(best[i]));
        }
        choice.experts[row] = best;
        choice.weights[row] = weights;
    }

    /// The topK experts by score plus selection bias, rising.
    private int[] best(double[] scores) {
        int[] best = new int[spec.topK()];
        boolean[] taken = new boolean[scores.length];
        for (int i = 0; i < best.length; i++) {
            int winner = -1;
            double top = Double.NEGATIVE_INFINITY;
            for (int e = 0; e < scores.length; e++) {
                double score = bias == null ? scores[e] : scores[e] + bias.get(e);
                if (!taken[e] && (winner < 0 || score > top)) {
                    winner = e;
                    top = score;
                }
            }
            taken[best[i] = winner] = true;
        }
        Arrays.sort(best);
        return best;
    }
}
