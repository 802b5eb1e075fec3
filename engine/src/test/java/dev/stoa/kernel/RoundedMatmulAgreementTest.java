// SPDX-License-Identifier: Apache-2.0
package dev.stoa.kernel;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.stoa.kernel.scalar.ScalarKernels;
import dev.stoa.quant.Quant;
import dev.stoa.tensor.DType;
import dev.stoa.tensor.Ledger;
import dev.stoa.tensor.Scope;
import dev.stoa.tensor.Tensor;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/// Integer products are the same bits from every provider that runs here, for any number of rows and threads, and differ
/// from products with unrounded rows by the rounding only.
class RoundedMatmulAgreementTest {
    private static final Kernels SCALAR = new ScalarKernels(Workers.of(1), "test");
    private static final List<Kernels> OTHERS = others();

    private static List<Kernels> others() {
        List<Kernels> all = new ArrayList<>();
        for (int threads = 1; threads <= 2; threads++) {
            all.add(KernelProvider.open("vector", threads));
            all.addAll(dev.stoa.kernel.foreign.ForeignVariants.open(threads));
        }
        return all;
    }

    @AfterAll
    static void close() {
        SCALAR.close();
        OTHERS.forEach(Kernels::close);
    }

    /// Every bit pattern of quants and scales, but finite halves: extremes of every integer appear.
    static Tensor random(DType dtype, int n, int k, Scope scope) {
        Tensor w = scope.tensor(dtype, n, k);
        Random random = new Random(31L * n + k);
        int[] halves = switch (dtype) {
            case Q4_K -> new int[] {0, 2};
            case Q6_K -> new int[] {208};
            default -> new int[] {0};
        };
        for (long i = 0; i < w.bytes(); i++) w.data().set(ValueLayout.JAVA_BYTE, i, (byte) random.nextInt());
        for (long b = 0; b < w.bytes(); b += dtype.blockBytes()) {
            for (int at : halves) w.data().set(ValueLayout.JAVA_BYTE, b + at + 1, (byte) (random.nextInt(256) & 0x9f));
        }
        return w;
    }

    /// Rows of every magnitude, one of zeros, one too small to be rounded, one with all its weight on one value.
    private static Tensor activations(Poisoned poisoned, int m, int k) {
        Tensor x = poisoned.uniform(m, k);
        for (int i = 0; i < m; i++) {
            float scale = switch (i % 7) {
                case 1 -> 0;
                case 2 -> 1e-34f;
                case 3 -> 1e6f;
                default -> 1;
            };
            for (long p = (long) i * k; p < (i + 1L) * k; p++) x.set(p, x.get(p) * scale);
            if (i % 7 == 5) for (int p = 0; p < k; p += 32) x.set((long) i * k + p + (p / 32 + i) % 32, p % 64 == 0 ? -9 : 9);
        }
        return x;
    }

    @ParameterizedTest
    @EnumSource(names = {"Q4_0", "Q8_0", "Q4_K", "Q6_K"})
    void everyProviderGivesTheSameBits(DType dtype) {
        int step = dtype.blockElements();
        int cases = 0;
        for (int k : new int[] {step, 2 * step, 3 * step, 9 * step}) {
            for (int n : new int[] {1, 15, 16, 17, 48, 67}) {
                try (Scope scope = new Ledger().scope("test")) {
                    Tensor w = random(dtype, n, k, scope);
                    Poisoned poisoned = new Poisoned(scope, 17L * n + k);
                    PackedWeight truth = SCALAR.matmul().packRounded(w, scope);
                    List<PackedWeight> packed = new ArrayList<>();
                    for (Kernels kernels : OTHERS) packed.add(kernels.matmul().packRounded(w, scope));
                    for (int m : new int[] {1, 2, 3, 4, 5, 7, 8, 11, 12, 13, 16, 25, 31}) {
                        Tensor x = activations(poisoned, m, k);
                        Tensor before = poisoned.uniform(m, n);
                        for (boolean accumulate : new boolean[] {false, true}) {
                            Tensor expected = poisoned.copy(before);
                            SCALAR.matmul().multiply(x, truth, expected, accumulate);
                            for (int i = 0; i < OTHERS.size(); i++) {
                                Tensor actual = poisoned.copy(before);
                                OTHERS.get(i).matmul().multiply(x, packed.get(i), actual, accumulate);
                                assertThat(actual.toArray()).as("%s, %s, m=%d", OTHERS.get(i).id(), w, m).isEqualTo(expected.toArray());
                                cases++;
                            }
                        }
                    }
                    poisoned.check();
                }
            }
        }
        assertThat(cases).isGreaterThanOrEqualTo(4 * 6 * 13 * 2);
    }

    @ParameterizedTest
    @EnumSource(names = {"Q4_0", "Q8_0", "Q4_K", "Q6_K"})
    void roundingIsAllThatDiffersFromTheDecodedWeight(DType dtype) {
        int k = 3 * dtype.blockElements();
        int n = 33;
        try (Scope scope = new Ledger().scope("test")) {
            Tensor w = random(dtype, n, k, scope);
            Poisoned poisoned = new Poisoned(scope, 5);
            Tensor x = poisoned.uniform(4, k);
            Tensor exact = poisoned.zeros(DType.F32, 4, n);
            Tensor rounded = poisoned.zeros(DType.F32, 4, n);
            SCALAR.matmul().multiply(x, SCALAR.matmul().pack(w, scope), exact, false);
            SCALAR.matmul().multiply(x, SCALAR.matmul().packRounded(w, scope), rounded, false);
            float[] values = Quant.decode(w);
            double squares = 0;
            double error = 0;
            for (int i = 0; i < 4; i++) {
                for (int j = 0; j < n; j++) {
                    double length = 0;
                    for (int p = 0; p < k; p++) length += Math.pow(values[j * k + p], 2);
                    // Rounding moves each x by at most half a step of max|x| / 127, max|x| <= 1.
                    squares += length / (12 * 127.0 * 127);
                    error += Math.pow(exact.get((long) i * n + j) - rounded.get((long) i * n + j), 2);
                }
            }
            assertThat(Math.sqrt(error)).isGreaterThan(0).isLessThan(1.5 * Math.sqrt(squares));
        }
    }

    /// More rows than a panel of matrix registers holds and blocks than a slab, with every kind of last tile.
    @ParameterizedTest
    @EnumSource(names = {"Q4_0", "Q8_0", "Q4_K", "Q6_K"})
    void manyRowsGiveTheSameBits(DType dtype) {
        int k = 5 * 256;
        int n = 50;
        try (Scope scope = new Ledger().scope("test")) {
            Tensor w = random(dtype, n, k, scope);
            Poisoned poisoned = new Poisoned(scope, 23);
            PackedWeight truth = SCALAR.matmul().packRounded(w, scope);
            for (int m : new int[] {32, 44, 45, 257, 274}) {
                Tensor x = activations(poisoned, m, k);
                Tensor expected = poisoned.uniform(m, n);
                Tensor before = poisoned.copy(expected);
                SCALAR.matmul().multiply(x, truth, expected, true);
                for (Kernels kernels : OTHERS) {
                    Tensor actual = poisoned.copy(before);
                    kernels.matmul().multiply(x, kernels.matmul().packRounded(w, scope), actual, true);
                    assertThat(actual.toArray()).as("%s, m=%d", kernels.id(), m).isEqualTo(expected.toArray());
                }
            }
            poisoned.check();
        }
    }

    /// The fastest variant is among those that are compared, wherever this CPU and this build have it.
    @Test
    void matrixRegistersAreCompared() {
        String why = dev.stoa.kernel.foreign.ForeignVariants.missing("AMX");
        Assumptions.assumeTrue(why == null, why);
        assertThat(OTHERS).anyMatch(kernels -> kernels.reason().contains("AMX"));
    }

    @Test
    void valuesThatAreNotFiniteReachEveryOutputOfTheirRow() {
        for (Kernels kernels : OTHERS) {
            try (Scope scope = new Ledger().scope("test")) {
                PackedWeight w = kernels.matmul().packRounded(random(DType.Q4_0, 20, 64, scope), scope);
                for (float bad : new float[] {Float.NaN, Float.POSITIVE_INFINITY, Float.NEGATIVE_INFINITY}) {
                    Tensor x = scope.f32(2, 64);
                    for (int i = 0; i < 128; i++) x.set(i, i % 5 - 2);
                    x.set(70, bad);
                    Tensor y = scope.f32(2, 20);
                    kernels.matmul().multiply(x, w, y, false);
                    for (int j = 0; j < 20; j++) {
                        assertThat(y.get(j)).as(kernels.id()).isFinite();
                        assertThat(Float.isFinite(y.get(20 + j))).as(kernels.id()).isFalse();
                    }
                }
            }
        }
    }

    /// The mutant: one quant off by one must be seen.
    @Test
    void seesOneQuantChanged() {
        try (Scope scope = new Ledger().scope("test")) {
            Tensor w = random(DType.Q6_K, 3, 256, scope);
            Tensor x = new Poisoned(scope, 3).uniform(1, 256);
            PackedWeight truth = SCALAR.matmul().packRounded(w, scope);
            Tensor expected = scope.f32(1, 3);
            SCALAR.matmul().multiply(x, truth, expected, false);
            Tensor changed = scope.tensor(DType.Q6_K, 3, 256);
            changed.data().copyFrom(w.data());
            changed.data().set(ValueLayout.JAVA_BYTE, 210 + 77, (byte) (changed.data().get(ValueLayout.JAVA_BYTE, 210 + 77) ^ 1));
            for (Kernels kernels : OTHERS) {
                Tensor actual = scope.f32(1, 3);
                kernels.matmul().multiply(x, kernels.matmul().packRounded(changed, scope), actual, false);
                assertThatThrownBy(() -> assertThat(actual.toArray()).isEqualTo(expected.toArray())).isInstanceOf(AssertionError.class);
            }
        }
    }
}
