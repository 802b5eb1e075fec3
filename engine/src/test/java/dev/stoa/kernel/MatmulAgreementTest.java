// SPDX-License-Identifier: Apache-2.0
package dev.stoa.kernel;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.stoa.quant.Quant;
import dev.stoa.tensor.DType;
import dev.stoa.tensor.Ledger;
import dev.stoa.tensor.Scope;
import dev.stoa.tensor.Tensor;
import java.lang.foreign.ValueLayout;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/// Vector products against scalar ones at sizes around vector, panel, tile and block; row invariance bit for bit.
class MatmulAgreementTest {
    private static final Kernels SCALAR = KernelProvider.open("scalar", 2);
    private static final Kernels ONE = KernelProvider.open("vector", 1);
    private static final Kernels TWO = KernelProvider.open("vector", 2);
    private static final int[] SIZES = {0, 1, 7, 8, 15, 16, 17, 31, 32, 33, 63, 65};
    private static final int[] ROWS = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 17};
    private static final int[] DEPTHS = {0, 1, 7, 33, 511, 512, 513, 1030};

    @AfterAll
    static void close() {
        SCALAR.close();
        ONE.close();
        TWO.close();
    }

    @Test
    void namesItsWidthAndIsTheAutomaticChoice() {
        assertThat(ONE.id()).matches("vector-(128|256|512)");
        try (Kernels auto = KernelProvider.open("auto", 1)) {
            // C kernels where the build has them for this CPU; otherwise the reason says why not.
            assertThat(auto.id()).startsWith(ONE.id());
            assertThat(auto.reason()).matches("foreign kernels, 1 threads: the fastest here \\(.+\\)|"
                    + "vector kernels, 1 threads: foreign not usable: .+");
        }
    }

    @ParameterizedTest
    @EnumSource(names = {"F32", "F16", "BF16", "Q8_0", "Q4_0"})
    void multiplyAgreesWithTheTruthAtEverySize(DType dtype) {
        multiplyAgrees(TWO.matmul(), dtype);
    }

    private static void multiplyAgrees(Matmul matmul, DType dtype) {
        for (int depth : DEPTHS) {
            int k = dtype.quantized() ? (depth + 31) / 32 * 32 : depth;
            for (int n : SIZES) {
                try (Scope scope = new Ledger().scope("test")) {
                    Poisoned poisoned = new Poisoned(scope, 31L * k + n);
                    Tensor w = poisoned.zeros(dtype, n, k);
                    float[] values = poisoned.uniform(n, k).toArray();
                    Quant.format(dtype).encode(values, 0, values.length, w.data(), 0);
                    PackedWeight truth = SCALAR.matmul().pack(w, scope);
                    PackedWeight packed = matmul.pack(w, scope);
                    for (int m : ROWS) {
                        Tensor x = poisoned.uniform(m, k);
                        Tensor expected = poisoned.uniform(m, n);
                        Tensor actual = poisoned.copy(expected);
                        for (boolean accumulate : new boolean[] {true, false}) {
                            SCALAR.matmul().multiply(x, truth, expected, accumulate);
                            matmul.multiply(x, packed, actual, accumulate);
                            Checks.close(actual, expected, 2e-6 * Math.sqrt(k + 1), "%s m=%d k=%d n=%d", dtype, m, k, n);
                        }
                    }
                    poisoned.check();
                }
            }
        }
    }

    @Test
    void gemmAgreesForEveryTransposeAtEverySize() {
        for (int k : DEPTHS) {
            for (int m : new int[] {1, 7, 8, 9, 33}) {
                for (int n : SIZES) gemmAgrees(TWO.matmul(), m, k, n, 0.5f, k % 2 == 0 ? 0 : -1.5f);
            }
        }
        gemmAgrees(TWO.matmul(), 70, 40, 1060, 1, 1); // more columns than a block
        gemmAgrees(TWO.matmul(), 600, 520, 9, 1, 0); // more rows and depth than a block
    }

    private static void gemmAgrees(Matmul matmul, int m, int k, int n, float alpha, float beta) {
        for (int flags = 0; flags < 4; flags++) {
            boolean flipA = (flags & 1) != 0;
            boolean flipB = (flags & 2) != 0;
            try (Scope scope = new Ledger().scope("test")) {
                Poisoned poisoned = new Poisoned(scope, m * 7919L + k * 31L + n);
                Tensor a = flipA ? poisoned.uniform(k, m) : poisoned.uniform(m, k);
                Tensor b = flipB ? poisoned.uniform(n, k) : poisoned.uniform(k, n);
                Tensor expected = poisoned.uniform(m, n);
                Tensor actual = poisoned.copy(expected);
                if (beta == 0 && n > 0) actual.set(0, Float.NaN); // must be ignored
                SCALAR.matmul().gemm(flipA, a, flipB, b, alpha, beta, expected);
                matmul.gemm(flipA, a, flipB, b, alpha, beta, actual);
                Checks.close(actual, expected, 2e-6 * Math.sqrt(k + 1), "m=%d k=%d n=%d %s %s", m, k, n, flipA, flipB);
                poisoned.check();
            }
        }
    }

    /// A product with the identity copies the weights out: packing and decoding must not change one bit.
    @Test
    void everyFiniteHalfAndEveryQuantIsDecodedExactly() {
        int finite = 2 * 0x7c00;
        try (Scope scope = new Ledger().scope("test")) {
            Tensor halves = scope.tensor(DType.F16, finite / 62, 62);
            for (int i = 0; i < finite; i++) {
                short bits = (short) (i % 0x7c00 | (i < 0x7c00 ? 0 : 0x8000));
                halves.data().set(ValueLayout.JAVA_SHORT_UNALIGNED, 2L * i, bits);
            }
            decodesExactly(halves, scope);
            for (DType dtype : new DType[] {DType.Q8_0, DType.Q4_0}) {
                Tensor blocks = scope.tensor(dtype, 33, 64);
                for (int i = 0; i < blocks.bytes(); i++) {
                    int inBlock = i % dtype.blockBytes();
                    int value = inBlock == 1 ? 0x30 | i / 7 % 4 : i * 37 >> 2; // scales stay finite
                    blocks.data().set(ValueLayout.JAVA_BYTE, i, (byte) value);
                }
                decodesExactly(blocks, scope);
            }
        }
    }

    private static void decodesExactly(Tensor w, Scope scope) {
        int k = w.cols();
        Tensor identity = scope.f32(k, k);
        for (int i = 0; i < k; i++) identity.set((long) i * k + i, 1);
        Tensor y = scope.f32(k, w.rows());
        TWO.matmul().multiply(identity, TWO.matmul().pack(w, scope), y, false);
        float[] truth = Quant.decode(w);
        for (int n = 0; n < w.rows(); n++) {
            for (int i = 0; i < k; i++) {
                float expected = truth[n * k + i] + 0f; // sums of zeros have no sign
                if (y.get((long) i * w.rows() + n) != expected) {
                    throw new AssertionError(w + " row " + n + " input " + i + ": " + y.get((long) i * w.rows() + n)
                            + ", expected " + expected);
                }
            }
        }
    }

    @ParameterizedTest
    @EnumSource(names = {"F32", "F16", "BF16", "Q8_0", "Q4_0"})
    void aRowDoesNotDependOnItsBatchOrOnThreads(DType dtype) {
        for (int n : new int[] {9, 600}) invariant(ONE.matmul(), TWO.matmul(), dtype, 1056, n);
    }

    private static void invariant(Matmul one, Matmul two, DType dtype, int k, int n) {
        try (Scope scope = new Ledger().scope("test")) {
            Poisoned poisoned = new Poisoned(scope, n);
            Tensor w = Quant.encode(poisoned.uniform(n, k).toArray(), dtype, scope, n, k);
            PackedWeight packedOne = one.pack(w, scope);
            PackedWeight packedTwo = two.pack(w, scope);
            Tensor x = poisoned.uniform(64, k);
            Tensor all = poisoned.zeros(DType.F32, 64, n);
            one.multiply(x, packedOne, all, false);
            for (int batch : new int[] {1, 2, 3, 6, 7, 17}) {
                Tensor part = poisoned.zeros(DType.F32, 64, n);
                Tensor partTwo = poisoned.zeros(DType.F32, 64, n);
                for (int row = 0; row < 64; row += batch) {
                    int end = Math.min(64, row + batch);
                    one.multiply(x.slice(row, end), packedOne, part.slice(row, end), false);
                    two.multiply(x.slice(row, end), packedTwo, partTwo.slice(row, end), false);
                }
                Checks.same(part, all, "batches of %d, 1 thread", batch);
                Checks.same(partTwo, all, "batches of %d, 2 threads", batch);
            }
        }
    }

    @Test
    void gemmDoesNotDependOnThreads() {
        try (Scope scope = new Ledger().scope("test")) {
            Poisoned poisoned = new Poisoned(scope, 5);
            Tensor a = poisoned.uniform(1100, 96);
            Tensor b = poisoned.uniform(1100, 130);
            Tensor one = scope.f32(96, 130);
            Tensor two = scope.f32(96, 130);
            ONE.matmul().gemm(true, a, false, b, 1, 0, one);
            TWO.matmul().gemm(true, a, false, b, 1, 0, two);
            Checks.same(two, one, "1 and 2 threads");
        }
    }

    @Test
    @SuppressWarnings("restricted") // one mutant must escape its segment
    void theChecksCatchWrongKernels() {
        Matmul good = TWO.matmul();
        // Forgets the last input.
        assertThatThrownBy(() -> multiplyAgrees(new Wrapped(good) {
            @Override
            public void multiply(Tensor x, PackedWeight w, Tensor y, boolean accumulate) {
                if (x.cols() == 0 || x.rows() == 0) return;
                Tensor cut = Tensor.of(x.toArray(), x.rows(), x.cols());
                for (int i = 0; i < x.rows(); i++) cut.set((long) i * x.cols() + x.cols() - 1, 0);
                good.multiply(cut, w, y, accumulate);
            }
        }, DType.F32)).isInstanceOf(AssertionError.class);
        // Writes one float past the end.
        assertThatThrownBy(() -> multiplyAgrees(new Wrapped(good) {
            @Override
            public void multiply(Tensor x, PackedWeight w, Tensor y, boolean accumulate) {
                good.multiply(x, w, y, accumulate);
                y.data().reinterpret(y.bytes() + 4).set(Tensor.FLOAT, y.bytes(), 0);
            }
        }, DType.F32)).isInstanceOf(AssertionError.class).hasMessageContaining("poison");
        // Rounds differently for a lone row: by the truth's sum instead of the blocks of the many.
        assertThatThrownBy(() -> invariant(new Wrapped(good) {
            @Override
            public void multiply(Tensor x, PackedWeight w, Tensor y, boolean accumulate) {
                if (x.rows() == 1) {
                    SCALAR.matmul().multiply(x, SCALAR.matmul().pack(w.source(), null), y, accumulate);
                } else {
                    good.multiply(x, w, y, accumulate);
                }
            }
        }, good, DType.F32, 1056, 70)).isInstanceOf(AssertionError.class).hasMessageContaining("bits differ");
    }

    @Test
    void refusesForeignWeightsAndWrongShapes() {
        try (Scope scope = new Ledger().scope("test")) {
            Tensor x = scope.f32(2, 4);
            Tensor w = scope.f32(3, 4);
            PackedWeight foreign = SCALAR.matmul().pack(w, scope);
            assertThatThrownBy(() -> ONE.matmul().multiply(x, foreign, scope.f32(2, 3), false))
                    .isInstanceOf(IllegalArgumentException.class).hasMessageContaining("other kernels");
            PackedWeight own = ONE.matmul().pack(w, scope);
            assertThat(own.outputs()).isEqualTo(3);
            assertThat(own.inputs()).isEqualTo(4);
            assertThat(own.source()).isSameAs(w);
            assertThatThrownBy(() -> ONE.matmul().multiply(x, own, scope.f32(2, 4), false))
                    .isInstanceOf(IllegalArgumentException.class).hasMessageContaining("y must be [2, 3]");
            assertThatThrownBy(() -> ONE.matmul().multiply(x, own, x, false)).isInstanceOf(IllegalArgumentException.class);
        }
    }

    private static class Wrapped implements Matmul {
        private final Matmul inner;

        Wrapped(Matmul inner) {
            this.inner = inner;
        }

        @Override
        public PackedWeight pack(Tensor w, Scope scope) {
            return inner.pack(w, scope);
        }

        @Override
        public PackedWeight map(Tensor w) {
            return inner.map(w);
        }

        @Override
        public PackedWeight packRounded(Tensor w, Scope scope) {
            return inner.packRounded(w, scope);
        }

        @Override
        public void multiply(Tensor x, PackedWeight w, Tensor y, boolean accumulate) {
            inner.multiply(x, w, y, accumulate);
        }

        @Override
        public void gemm(boolean transposeA, Tensor a, boolean transposeB, Tensor b, float alpha, float beta, Tensor c) {
            inner.gemm(transposeA, a, transposeB, b, alpha, beta, c);
        }
    }
}
