// SPDX-License-Identifier: Apache-2.0
package dev.stoa.kernel;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.stoa.kernel.foreign.ForeignVariants;
import dev.stoa.quant.Quant;
import dev.stoa.tensor.DType;
import dev.stoa.tensor.Ledger;
import dev.stoa.tensor.Scope;
import dev.stoa.tensor.Tensor;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.Test;

/// Low-rank updates: every provider against the scalar one, rows alone against rows together, C of one instruction set
/// against C of the others.
class LoraAgreementTest {
    private static final int[] SIZES = {1, 7, 8, 15, 16, 17, 31, 32, 33, 64, 100, 257};
    private static final int[] RANKS = {1, 2, 3, 4, 8, 12, 16, 17, 32, 48, 64};
    private static final DType[] TYPES = {DType.F32, DType.BF16, DType.F16};
    private static final Kernels SCALAR = KernelProvider.open("scalar", 1);
    private static final List<Kernels> OTHERS = others();

    private static List<Kernels> others() {
        List<Kernels> all = new ArrayList<>();
        for (int threads = 1; threads <= 3; threads++) {
            all.add(KernelProvider.open("vector", threads));
            all.addAll(ForeignVariants.open(threads));
        }
        return all;
    }

    @AfterAll
    static void close() {
        SCALAR.close();
        OTHERS.forEach(Kernels::close);
    }

    private static Lora.Segment segment(Poisoned poisoned, DType dtype, int rank, int k, int n, float factor, int... rows) {
        Tensor a = poisoned.zeros(dtype, rank, k);
        Tensor b = poisoned.zeros(dtype, n, rank);
        Quant.format(dtype).encode(poisoned.uniform(rank, k).toArray(), 0, rank * k, a.data(), 0);
        Quant.format(dtype).encode(poisoned.uniform(n, rank).toArray(), 0, n * rank, b.data(), 0);
        return new Lora.Segment(a, b, factor, rows);
    }

    private static void agrees(Lora lora, String who) {
        for (int rank : RANKS) {
            for (int size : SIZES) {
                for (DType dtype : TYPES) {
                    try (Scope scope = new Ledger().scope("test")) {
                        Poisoned poisoned = new Poisoned(scope, rank * 31L + size);
                        int n = size / 2 + 1;
                        Tensor x = poisoned.uniform(5, size);
                        Lora.Segment[] segments = {
                            segment(poisoned, dtype, rank, size, n, 0.5f, 0, 2, 4), segment(poisoned, dtype, 2, size, n, -2, 4, 1)
                        };
                        Tensor expected = poisoned.uniform(5, n);
                        Tensor actual = poisoned.copy(expected);
                        SCALAR.lora().apply(x, segments, expected);
                        lora.apply(x, segments, actual);
                        Checks.close(actual, expected, 3e-6 * Math.sqrt(rank * size), "%s %s rank=%d size=%d", who, dtype, rank, size);
                        poisoned.check();
                    }
                }
            }
        }
    }

    @Test
    void everyProviderAgreesForEveryRankAndFormat() {
        for (Kernels kernels : OTHERS) agrees(kernels.lora(), kernels.id());
        Lora lora = OTHERS.getFirst().lora();
        assertThatThrownBy(() -> agrees((x, segments, ys) -> {
            Lora.Segment[] scaled = segments[0].clone();
            scaled[1] = new Lora.Segment(scaled[1].a(), scaled[1].b(), scaled[1].factor() * 1.001f, scaled[1].rows());
            lora.apply(x, new Lora.Segment[][] {scaled}, ys);
        }, "mutant")).isInstanceOf(AssertionError.class);
    }

    /// Halves too small to be normal, and the largest.
    @Test
    void everyFiniteHalfIsRead() {
        for (Kernels kernels : OTHERS) {
            try (Scope scope = new Ledger().scope("test")) {
                Poisoned poisoned = new Poisoned(scope, 1);
                Tensor b = poisoned.zeros(DType.F16, 32, 2048);
                Tensor wide = poisoned.zeros(DType.F32, 2048, 16);
                int[] bits = IntStream.range(0, 1 << 16).filter(h -> (h & 0x7c00) != 0x7c00).toArray();
                for (int i = 0; i < bits.length; i++) b.data().set(ValueLayout.JAVA_SHORT_UNALIGNED, 2L * i, (short) bits[i]);
                Tensor x = poisoned.zeros(DType.F32, 1, 16);
                x.set(0, 1);
                for (int column = 0; column < 2048; column++) {
                    if (column > 0) wide.set(16L * (column - 1), 0);
                    wide.set(16L * column, 1);
                    if (column % 97 != 0 && column > 3) continue;
                    Tensor y = poisoned.zeros(DType.F32, 1, 32);
                    kernels.lora().apply(x, new Lora.Segment[] {new Lora.Segment(wide, b, 1, new int[] {0})}, y);
                    for (int n = 0; n < 32; n++) {
                        int place = n * 2048 + column;
                        float expected = place < bits.length ? Float.float16ToFloat((short) bits[place]) : 0;
                        assertThat(y.get(n)).as("%s: half %d", kernels.id(), place).isEqualTo(expected + 0.0f);
                    }
                }
            }
        }
    }

    /// Rows one by one, in small batches and on several threads give the bits of all rows at once; so does a call for two
    /// modules, and C for another instruction set.
    @Test
    void rowsModulesAndInstructionSetsAreInvariant() {
        for (DType dtype : TYPES) {
            try (Scope scope = new Ledger().scope("test")) {
                Poisoned poisoned = new Poisoned(scope, 6);
                Tensor x = poisoned.uniform(64, 300);
                Tensor start = poisoned.uniform(64, 130);
                Lora.Segment first = segment(poisoned, dtype, 8, 300, 130, 1.5f);
                Lora.Segment second = segment(poisoned, dtype, 16, 300, 130, -0.5f);
                Lora.Segment other = segment(poisoned, dtype, 4, 300, 70, 2);
                Tensor c = null;
                for (Kernels kernels : OTHERS) {
                    Tensor all = run(poisoned, kernels, x, start, first, second, other, 64);
                    boolean foreign = kernels.id().contains("+");
                    if (foreign && c != null) Checks.same(all, c, "%s beside another", kernels.id());
                    if (foreign) c = all;
                    for (int batch : new int[] {1, 2, 3, 17, 40}) {
                        Checks.same(run(poisoned, kernels, x, start, first, second, other, batch), all, "%s %s batches of %d on %d threads", dtype,
                                kernels.id(), batch, kernels.workers().threads());
                    }
                }
                poisoned.check();
            }
        }
    }

    private static Tensor run(Poisoned poisoned, Kernels kernels, Tensor x, Tensor start, Lora.Segment first, Lora.Segment second,
            Lora.Segment other, int batch) {
        Tensor out = poisoned.copy(start);
        for (int row = 0; row < 64; row += batch) {
            int end = Math.min(64, row + batch);
            Lora.Segment[] one = {of(first, row, end, 2), of(second, row, end, 3)};
            Lora.Segment[] two = {of(other, row, end, 1)};
            if (batch % 2 == 1) {
                kernels.lora().apply(x.slice(row, end), one, out.slice(row, end));
                continue;
            }
            Tensor beside = poisoned.zeros(DType.F32, end - row, 70);
            kernels.lora().apply(x.slice(row, end), new Lora.Segment[][] {two, one}, new Tensor[] {beside, out.slice(row, end)});
            Tensor alone = poisoned.zeros(DType.F32, end - row, 70);
            kernels.lora().apply(x.slice(row, end), two, alone);
            Checks.same(beside, alone, "%s: the module beside", kernels.id());
        }
        return out;
    }

    /// The rows in [from, to) whose number is divisible, counted from `from`.
    private static Lora.Segment of(Lora.Segment segment, int from, int to, int divisor) {
        int[] rows = IntStream.range(from, to).filter(i -> i % divisor == 0).map(i -> i - from).toArray();
        return new Lora.Segment(segment.a(), segment.b(), segment.factor(), rows);
    }

    @Test
    void factorsOfOtherTypesAndHeapTensorsWork() {
        for (Kernels kernels : OTHERS) {
            try (Scope scope = new Ledger().scope("test")) {
                Poisoned poisoned = new Poisoned(scope, 9);
                Tensor x = Tensor.of(poisoned.uniform(3, 64).toArray(), 3, 64);
                Tensor a = Quant.encode(poisoned.uniform(32, 64).toArray(), DType.Q8_0, scope, 32, 64);
                Tensor b = Quant.encode(poisoned.uniform(20, 32).toArray(), DType.Q8_0, scope, 20, 32);
                Lora.Segment[] segments = {new Lora.Segment(a, b, 1, new int[] {0, 2}), segment(poisoned, DType.F32, 3, 64, 20, 1, 1)};
                Tensor expected = Tensor.of(new float[60], 3, 20);
                Tensor actual = Tensor.of(new float[60], 3, 20);
                SCALAR.lora().apply(x, segments, expected);
                kernels.lora().apply(x, segments, actual);
                Checks.close(actual, expected, 1e-4, "%s", kernels.id());
            }
        }
    }

    @Test
    void shapesAreChecked() {
        for (Kernels kernels : OTHERS) {
            Tensor x = Tensor.of(new float[20], 2, 10);
            Lora.Segment[] segments = {new Lora.Segment(Tensor.of(new float[20], 2, 10), Tensor.of(new float[8], 4, 2), 1, new int[] {2})};
            assertThatThrownBy(() -> kernels.lora().apply(x, segments, Tensor.of(new float[8], 2, 4))).isInstanceOf(IllegalArgumentException.class);
            assertThatThrownBy(() -> kernels.lora().apply(x, segments, Tensor.of(new float[10], 2, 5))).isInstanceOf(IllegalArgumentException.class);
        }
    }
}
