// SPDX-License-Identifier: Apache-2.0
package dev.stoa.kernel;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.stoa.tensor.Tensor;
import java.util.Random;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/// Training kernels of the vector provider against the scalar definitions, at ragged sizes; and the same bits for one
/// and two threads.
class TrainingAgreementTest {
    private final Kernels truth = KernelProvider.open("scalar", 1);
    private final Kernels one = KernelProvider.open("vector", 1);
    private final Kernels two = KernelProvider.open("vector", 2);
    private final Random random = new Random(42);

    @AfterEach
    void close() {
        truth.close();
        one.close();
        two.close();
    }

    private interface Call {
        void run(Kernels kernels, Tensor[] tensors);
    }

    /// Runs a call on copies of the same tensors: vector close to scalar, two threads equal to one.
    private void agree(double tolerance, Call call, Tensor... tensors) {
        Tensor[] expected = copies(tensors), single = copies(tensors), both = copies(tensors);
        call.run(truth, expected);
        call.run(one, single);
        call.run(two, both);
        for (int i = 0; i < tensors.length; i++) {
            if (tensors[i] == null) continue;
            float[] want = expected[i].toArray(), got = single[i].toArray();
            assertThat(both[i].toArray()).as("tensor %d on two threads", i).isEqualTo(got);
            double scale = 1;
            for (float value : want) scale = Math.max(scale, Math.abs(value));
            for (int j = 0; j < want.length; j++) {
                assertThat(Math.abs(got[j] - want[j]) / scale).as("tensor %d at %d: %s, want %s", i, j, got[j], want[j]).isLessThan(tolerance);
            }
        }
    }

    private static Tensor[] copies(Tensor[] tensors) {
        Tensor[] copies = new Tensor[tensors.length];
        for (int i = 0; i < tensors.length; i++) copies[i] = tensors[i] == null ? null : Tensor.of(tensors[i].toArray(), tensors[i].shape());
        return copies;
    }

    private Tensor random(long... shape) {
        float[] values = new float[Math.toIntExact(Tensor.elements(shape))];
        for (int i = 0; i < values.length; i++) values[i] = (float) random.nextGaussian();
        return Tensor.of(values, shape);
    }

    private static Tensor zeros(long... shape) {
        return Tensor.of(new float[Math.toIntExact(Tensor.elements(shape))], shape);
    }

    @ParameterizedTest
    @CsvSource({"4,2,32,0", "2,1,8,0", "3,3,5,0", "4,4,20,7", "4,1,16,1"})
    void attentionAndItsGradient(int heads, int kvHeads, int dim, int window) {
        int[] starts = {0, 1, 4, 21, 54, 55, 140};
        int rows = 140;
        SegmentAttention.Heads shape = new SegmentAttention.Heads(heads, kvHeads, dim, 0.3f, window);
        Tensor q = random(rows, heads * dim), k = random(rows, kvHeads * dim), v = random(rows, kvHeads * dim);
        agree(2e-5, (kernels, t) -> {
            kernels.segmentAttention().attend(t[0], t[1], t[2], starts, shape, t[3], t[4]);
            kernels.segmentAttention().backward(t[0], t[1], t[2], starts, shape, t[3], t[4], t[5], t[6], t[7], t[8]);
        }, q, k, v, random(rows, heads * dim), random(rows, heads), random(rows, heads * dim), random(rows, heads * dim),
                random(rows, kvHeads * dim), random(rows, kvHeads * dim));
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 3, 17, 32, 128, 130})
    void normGradient(int width) {
        for (boolean accumulate : new boolean[] {false, true}) {
            agree(2e-5, (kernels, t) -> kernels.gradients().rms(t[0], t[1], 1e-5f, 0.5f, t[2], t[3], accumulate, t[4], t[5]),
                    random(300, width), random(width), random(300, width), random(300, width), random(width), zeros(300));
            agree(2e-5, (kernels, t) -> kernels.gradients().rms(t[0], null, 1e-5f, 0, t[1], t[2], accumulate, null, t[3]),
                    random(7, width), random(7, width), random(7, width), zeros(7));
        }
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 17, 4096, 5001})
    void elementwise(int count) {
        agree(2e-6, (kernels, t) -> kernels.gradients().swiglu(t[0], t[1], t[2], t[3], t[4]),
                random(1, count), random(1, count), random(1, count), zeros(1, count), zeros(1, count));
        Updates.Adam step = new Updates.Adam(1e-2f, 0.9f, 0.95f, 1e-8f, 0.1f, 0.1f, 0.05f, 0.25f);
        agree(1e-5, (kernels, t) -> {
            kernels.updates().axpby(1, t[4], 0, t[3]);
            kernels.gradients().swiglu(t[0], t[1], t[2], t[0], t[1]);
            kernels.updates().nesterov(t[0], 0.5f, 0.95f, t[1], t[2]);
            kernels.updates().axpby(2, t[2], -0.5f, t[4]);
        }, random(1, count), random(1, count), random(1, count), zeros(1, count), random(1, count));
        Tensor second = zeros(1, count);
        agree(1e-5, (kernels, t) -> kernels.updates().adamw(t[0], t[1], t[2], t[3], step),
                random(1, count), random(1, count), random(1, count), second);
    }

    @Test
    void sumsOfSquaresAreEqualForAnyThreadsAndNotFiniteWithNaN() {
        Tensor x = random(77, 133);
        double sum = one.updates().sumSquares(x);
        assertThat(two.updates().sumSquares(x)).isEqualTo(sum);
        assertThat(sum / truth.updates().sumSquares(x)).isBetween(1 - 1e-6, 1 + 1e-6);
        x.set(5000, Float.NaN);
        assertThat(one.updates().sumSquares(x)).isNaN();
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 2, 17, 32, 1000})
    void lossRows(int vocab) {
        int rows = 6;
        int[] targets = new int[rows];
        for (int i = 0; i < rows; i++) targets[i] = random.nextInt(vocab);
        float[] hard = {1, 0, .5f, 0, 1, .1f}, soft = {0, 1, .5f, 0, 0, 0}, none = new float[rows];
        Tensor logits = random(rows, vocab), base = random(rows, vocab);
        for (Tensor other : new Tensor[] {base, null}) {
            double[][] losses = new double[6][rows];
            int[][] best = new int[3][rows];
            Kernels[] providers = {truth, one, two};
            Tensor[] gradients = new Tensor[3];
            for (int i = 0; i < 3; i++) {
                gradients[i] = Tensor.of(logits.toArray(), rows, vocab);
                providers[i].gradients().lossRows(gradients[i], other, targets, hard, other == null ? none : soft, true, losses[2 * i],
                        losses[2 * i + 1], best[i]);
            }
            assertThat(best[1]).isEqualTo(best[0]).isEqualTo(best[2]);
            assertThat(gradients[2].toArray()).isEqualTo(gradients[1].toArray());
            for (int i = 0; i < rows; i++) {
                assertThat(losses[2][i]).isCloseTo(losses[0][i], within(2e-6));
                assertThat(losses[3][i]).isCloseTo(losses[1][i], within(2e-6));
            }
            for (int i = 0; i < rows * vocab; i++) {
                assertThat(gradients[1].get(i)).isCloseTo(gradients[0].get(i), within(1e-6f));
            }
        }
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 17, 48, 130})
    void rowsAndColumns(int width) {
        int[] rows = {4, 0, 4, 2, 4};
        agree(1e-6, (kernels, t) -> kernels.gradients().gather(t[0], rows, 1.5f, t[1]), random(5, width), random(5, width));
        agree(1e-6, (kernels, t) -> kernels.gradients().scatterAdd(t[0], rows, 1.5f, t[1]), random(5, width), random(5, width));
        agree(1e-5, (kernels, t) -> kernels.gradients().columnSums(t[0], t[1]), random(700, width), random(width));
        agree(1e-6, (kernels, t) -> kernels.gradients().addRow(t[0], t[1]), random(width), random(9, width));
    }
}
