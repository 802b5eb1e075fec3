// SPDX-License-Identifier: Apache-2.0
package dev.stoa.kernel.scalar;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import dev.stoa.EngineFault;
import dev.stoa.FaultException;
import dev.stoa.kernel.Attention;
import dev.stoa.kernel.KernelProvider;
import dev.stoa.kernel.Kernels;
import dev.stoa.kernel.Lora;
import dev.stoa.kernel.PackedWeight;
import dev.stoa.tensor.DType;
import dev.stoa.tensor.Ledger;
import dev.stoa.tensor.Scope;
import dev.stoa.tensor.Tensor;
import org.junit.jupiter.api.Test;

/// The truth itself, against numbers worked out by hand.
class ScalarKernelsTest {
    private final Kernels kernels = KernelProvider.open("scalar", 1);

    private static Tensor t(int rows, int cols, float... values) {
        return Tensor.of(values, rows, cols);
    }

    @Test
    void openSaysWhyAndRefusesUnknownNames() {
        assertThat(kernels.id()).isEqualTo("scalar");
        assertThat(kernels.reason()).isEqualTo("scalar kernels, 1 threads: as asked");
        assertThatThrownBy(() -> KernelProvider.open("fast", 1)).isInstanceOfSatisfying(FaultException.class, e -> {
            assertThat(e.fault().code()).isEqualTo(EngineFault.KERNELS_UNAVAILABLE);
            assertThat(e.fault().expected()).contains("auto", "scalar");
        });
    }

    @Test
    void multiplyIsXTimesWTransposedAndAccumulates() {
        try (Scope scope = new Ledger().scope("test")) {
            PackedWeight w = kernels.matmul().pack(t(3, 2, 1, 2, 3, 4, 5, 6), scope);
            Tensor y = t(2, 3, new float[6]);
            kernels.matmul().multiply(t(2, 2, 1, 10, 2, 20), w, y, false);
            assertThat(y.toArray()).containsExactly(21, 43, 65, 42, 86, 130);
            kernels.matmul().multiply(t(2, 2, 1, 0, 0, 1), w, y, true);
            assertThat(y.toArray()).containsExactly(22, 46, 70, 44, 90, 136);
            assertThatThrownBy(() -> kernels.matmul().multiply(t(1, 3, 1, 1, 1), w, t(1, 3, 0, 0, 0), false))
                    .isInstanceOf(IllegalArgumentException.class).hasMessageContaining("3 columns");
            assertThatThrownBy(() -> kernels.matmul().pack(scope.tensor(DType.I32, 1, 1), scope))
                    .isInstanceOf(FaultException.class);
        }
    }

    @Test
    void gemmTransposesEitherOperandAndBetaZeroIgnoresOldValues() {
        Tensor a = t(2, 3, 1, 2, 3, 4, 5, 6);
        Tensor aT = t(3, 2, 1, 4, 2, 5, 3, 6);
        Tensor b = t(3, 2, 1, 0, 0, 1, 1, 1);
        Tensor bT = t(2, 3, 1, 0, 1, 0, 1, 1);
        for (boolean flipA : new boolean[] {false, true}) {
            for (boolean flipB : new boolean[] {false, true}) {
                Tensor c = t(2, 2, Float.NaN, Float.NaN, Float.NaN, Float.NaN);
                kernels.matmul().gemm(flipA, flipA ? aT : a, flipB, flipB ? bT : b, 2, 0, c);
                assertThat(c.toArray()).containsExactly(8, 10, 20, 22);
                kernels.matmul().gemm(flipA, flipA ? aT : a, flipB, flipB ? bT : b, 1, 0.5f, c);
                assertThat(c.toArray()).containsExactly(8, 10, 20, 22);
            }
        }
        assertThatThrownBy(() -> kernels.matmul().gemm(false, a, false, a, 1, 0, t(2, 3, new float[6])))
                .isInstanceOf(IllegalArgumentException.class).hasMessageContaining("do not meet");
    }

    @Test
    void rmsScalesToUnitMeanSquare() {
        Tensor y = t(1, 2, 0, 0);
        kernels.norm().rms(t(1, 2, 3, 4), null, 0, 0, y);
        assertThat(y.get(0)).isCloseTo((float) (3 / Math.sqrt(12.5)), within(1e-7f));
        kernels.norm().rms(t(1, 2, 3, 4), Tensor.of(new float[] {1, -2}, 2), 3.5f, 1, y);
        assertThat(y.toArray()).containsExactly(1.5f, -1);
    }

    @Test
    void ropeTurnsPairsByPositionAndBackAndLeavesTheRest() {
        double quarter = Math.PI / 2;
        Tensor x = t(2, 6, 1, 2, 3, 4, 9, 9, 1, 2, 3, 4, 9, 9);
        kernels.rope().rotate(x, 1, 6, new int[] {0, 1}, new double[] {quarter, 2 * quarter}, 1, 1);
        assertThat(x.toArray()).containsExactly(new float[] {1, 2, 3, 4, 9, 9, -3, -2, 1, -4, 9, 9}, within(1e-6f));
        kernels.rope().rotate(x, 1, 6, new int[] {0, 1}, new double[] {quarter, 2 * quarter}, 0.5, -1);
        assertThat(x.toArray())
                .containsExactly(new float[] {.5f, 1, 1.5f, 2, 9, 9, .5f, 1, 1.5f, 2, 9, 9}, within(1e-6f));
    }

    @Test
    void activations() {
        Tensor gate = t(1, 3, 0, 100, -100);
        kernels.activation().swiglu(gate, t(1, 3, 5, 2, 3), gate);
        assertThat(gate.toArray()).containsExactly(new float[] {0, 200, 0}, within(1e-30f));
        Tensor y = t(1, 2, 1, 2);
        kernels.activation().axpy(-2, t(1, 2, 1, 1), y);
        assertThat(y.toArray()).containsExactly(-1, 0);
        Tensor x = t(2, 2, 1000, 1000, 0, Float.NEGATIVE_INFINITY);
        kernels.activation().logSoftmax(x);
        assertThat(x.toArray()).containsExactly(
                (float) -Math.log(2), (float) -Math.log(2), 0, Float.NEGATIVE_INFINITY);
    }

    @Test
    void attentionReadsOnlyVisibleTokensOfItsHead() {
        // 2 heads over 1 kv head, dim 1, capacity 4; token 0 and 3 are out of sight and poisoned.
        float poison = Float.NaN;
        Tensor keys = t(4, 1, poison, 0, 1, poison);
        Tensor values = t(4, 1, poison, 10, 20, poison);
        Tensor out = t(2, 2, 7, 7, 7, 7);
        Attention.Row row = new Attention.Row(1, keys.data(), values.data(), 4, 1, 3);
        kernels.attention().attend(t(2, 2, 9, 9, 0, (float) Math.log(3)), new Attention.Row[] {row}, 2, 1, 1, 1, out);
        assertThat(out.toArray()).containsExactly(new float[] {7, 7, 15, 17.5f}, within(1e-5f));
        Attention.Row blind = new Attention.Row(1, keys.data(), values.data(), 4, 3, 3);
        assertThatThrownBy(() -> kernels.attention().attend(out, new Attention.Row[] {blind}, 2, 1, 1, 1, out))
                .isInstanceOf(IllegalArgumentException.class).hasMessageContaining("[3, 3)");
    }

    @Test
    void loraAddsEachSegmentToItsRows() {
        Tensor a = t(1, 2, 1, 1);
        Tensor b = t(2, 1, 1, -1);
        Tensor y = t(3, 2, new float[6]);
        Lora.Segment first = new Lora.Segment(a, b, 2, new int[] {0, 2});
        Lora.Segment second = new Lora.Segment(a, b, 10, new int[] {2});
        kernels.lora().apply(t(3, 2, 1, 2, 9, 9, 0, 1), new Lora.Segment[] {first, second}, y);
        assertThat(y.toArray()).containsExactly(6, -6, 0, 0, 12, -12);
    }
}
