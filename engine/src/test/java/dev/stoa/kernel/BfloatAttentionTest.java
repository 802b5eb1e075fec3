// SPDX-License-Identifier: Apache-2.0
package dev.stoa.kernel;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.stoa.kernel.FrozenLinear.Precision;
import dev.stoa.kernel.SegmentAttention.Heads;
import dev.stoa.kernel.foreign.BfloatVariants;
import dev.stoa.kernel.scalar.ScalarKernels;
import dev.stoa.tensor.Ledger;
import dev.stoa.tensor.Scope;
import dev.stoa.tensor.Tensor;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/// Attention with rounded factors against the F32 definition: within what bfloat16 costs, on operands that are bfloat16
/// already much closer, for every instruction set, with the same bits for one and two threads.
class BfloatAttentionTest {
    private static final Kernels SCALAR = new ScalarKernels(Workers.of(1), "test");
    private static final List<Kernels> ONE = BfloatVariants.open(1), TWO = BfloatVariants.open(2);
    private final Random random = new Random(5);

    @AfterAll
    static void close() {
        SCALAR.close();
        ONE.forEach(Kernels::close);
        TWO.forEach(Kernels::close);
    }

    private Tensor random(Scope scope, long... shape) {
        Tensor tensor = scope.f32(shape);
        for (long i = 0; i < tensor.elements(); i++) {
            tensor.set(i, Float.intBitsToFloat(Float.floatToRawIntBits((float) random.nextGaussian()) & 0xffff0000));
        }
        return tensor;
    }

    /// out, logSumExp, dq, dk, dv.
    private static List<float[]> run(SegmentAttention attention, Tensor[] in, int[] starts, Heads heads, Scope scope) {
        int rows = in[0].rows();
        Tensor[] out = {scope.f32(rows, in[0].cols()), scope.f32(rows, heads.heads()), scope.f32(rows, in[0].cols()),
            scope.f32(rows, in[1].cols()), scope.f32(rows, in[1].cols())};
        for (Tensor each : out) for (long i = 0; i < each.elements(); i++) each.set(i, Float.NaN);
        attention.attend(in[0], in[1], in[2], starts, heads, out[0], out[1]);
        attention.backward(in[0], in[1], in[2], starts, heads, out[0], out[1], in[3], out[2], out[3], out[4]);
        List<float[]> results = new ArrayList<>();
        for (Tensor each : out) results.add(each.toArray());
        return results;
    }

    /// Root of the mean square error, relative to the expected values.
    private static double error(float[] actual, float[] expected) {
        double squares = 0, scale = 0;
        for (int i = 0; i < actual.length; i++) {
            squares += Math.pow(actual[i] - expected[i], 2);
            scale += Math.pow(expected[i], 2);
        }
        return Math.sqrt(squares / scale);
    }

    @ParameterizedTest
    @CsvSource({"4,2,32,0", "2,1,8,0", "3,3,5,0", "4,4,20,7", "4,1,16,2", "2,1,128,0", "2,2,64,40", "8,2,96,0"})
    void roundingCostsWhatItCosts(int heads, int kvHeads, int dim, int window) {
        int[] starts = {0, 1, 4, 36, 69, 70, 135, 264};
        Heads shape = new Heads(heads, kvHeads, dim, (float) (1 / Math.sqrt(dim)), window);
        try (Scope scope = new Ledger().scope("test")) {
            int rows = starts[starts.length - 1];
            Tensor[] in = {random(scope, rows, heads * dim), random(scope, rows, kvHeads * dim), random(scope, rows, kvHeads * dim),
                random(scope, rows, heads * dim)};
            List<float[]> expected = run(SCALAR.segmentAttention(), in, starts, shape, scope);
            Heads shifted = new Heads(heads, kvHeads, dim, 1.05f * shape.scale(), window);
            List<float[]> mutant = run(SCALAR.segmentAttention(), in, starts, shifted, scope);
            int[] merged = {0, 4, 36, 69, 135, 264};
            List<float[]> leaking = run(SCALAR.segmentAttention(), in, merged, shape, scope);
            // operands are exact, so only probabilities and their gradients are rounded: one part in 512 each, at most
            double[] limits = {2e-3, 1e-5, 4e-3, 4e-3, 2e-3};
            for (int i = 0; i < ONE.size(); i++) {
                List<float[]> actual = run(ONE.get(i).segmentAttention(Precision.BF16), in, starts, shape, scope);
                List<float[]> both = run(TWO.get(i).segmentAttention(Precision.BF16), in, starts, shape, scope);
                for (int j = 0; j < limits.length; j++) {
                    assertThat(error(actual.get(j), expected.get(j))).as("result %d", j).isLessThan(limits[j]);
                    assertThat(both.get(j)).isEqualTo(actual.get(j));
                    assertThat(error(mutant.get(j), expected.get(j))).as("another scale, result %d", j).isGreaterThan(limits[j]);
                    assertThat(error(leaking.get(j), expected.get(j))).as("another sample, result %d", j).isGreaterThan(limits[j]);
                }
            }
        }
    }

    @ParameterizedTest
    @CsvSource({"1", "31", "33"})
    void wrongShapesAreRefused(int rows) {
        Heads heads = new Heads(2, 1, 8, 1, 0);
        try (Scope scope = new Ledger().scope("test")) {
            Tensor q = scope.f32(rows, 16), k = scope.f32(rows, 8);
            for (Kernels kernels : ONE) {
                SegmentAttention attention = kernels.segmentAttention(Precision.BF16);
                assertThatThrownBy(() -> attention.attend(q, q, k, new int[] {0, rows}, heads, scope.f32(rows, 16), scope.f32(rows, 2)))
                        .isInstanceOf(IllegalArgumentException.class);
                assertThatThrownBy(() -> attention.attend(q, k, k, new int[] {0, rows + 1}, heads, scope.f32(rows, 16), scope.f32(rows, 2)))
                        .isInstanceOf(IllegalArgumentException.class);
            }
        }
    }
}
