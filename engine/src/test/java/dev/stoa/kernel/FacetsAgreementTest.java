// SPDX-License-Identifier: Apache-2.0
package dev.stoa.kernel;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.stoa.kernel.foreign.ForeignVariants;
import dev.stoa.tensor.DType;
import dev.stoa.tensor.Ledger;
import dev.stoa.tensor.Scope;
import dev.stoa.tensor.Tensor;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.Test;

/// Norm, rope, activations and attention: vector against scalar, poison around, rows alone against rows together.
class FacetsAgreementTest {
    private static final Kernels SCALAR = KernelProvider.open("scalar", 1);
    private static final Kernels ONE = KernelProvider.open("vector", 1);
    private static final Kernels TWO = KernelProvider.open("vector", 2);
    /// The C kernels of this CPU, on one thread and on two; none where the build has none.
    private static final List<Kernels> FOREIGN = Stream.of(1, 2).flatMap(threads -> ForeignVariants.open(threads).stream().limit(1)).toList();
    private static final int[] SIZES = {1, 7, 8, 15, 16, 17, 31, 32, 33, 64, 100, 257};
    private static final int[] ROWS = {0, 1, 2, 3, 17};

    @AfterAll
    static void close() {
        SCALAR.close();
        ONE.close();
        TWO.close();
        FOREIGN.forEach(Kernels::close);
    }

    /// A function of a batch: the same rows go in, one result tensor with as many rows comes out.
    private interface RowFunction {
        void run(Kernels kernels, int from, int to, Tensor out);
    }

    /// Rows one by one, in small batches and on two threads give the bits of all rows at once.
    private static void invariant(Poisoned poisoned, int rows, int cols, RowFunction function) {
        invariant(poisoned, rows, cols, List.of(ONE, TWO), function);
    }

    private static void invariant(Poisoned poisoned, int rows, int cols, List<Kernels> providers, RowFunction function) {
        Tensor all = poisoned.zeros(DType.F32, rows, cols);
        function.run(providers.getFirst(), 0, rows, all);
        for (Kernels kernels : providers) {
            for (int batch : new int[] {1, 2, 3, 17, rows}) {
                Tensor out = poisoned.zeros(DType.F32, rows, cols);
                for (int row = 0; row < rows; row += batch) {
                    int end = Math.min(rows, row + batch);
                    function.run(kernels, row, end, out.slice(row, end));
                }
                Checks.same(out, all, "batches of %d on %d threads", batch, kernels.workers().threads());
            }
        }
        poisoned.check();
    }

    @Test
    void rmsAgrees() {
        rmsAgrees(TWO.norm());
        assertThatThrownBy(() -> rmsAgrees((x, weight, eps, offset, y) -> TWO.norm().rms(x, weight, eps + 1e-3f, offset, y)))
                .isInstanceOf(AssertionError.class);
    }

    private static void rmsAgrees(Norm norm) {
        for (int h : SIZES) {
            for (int t : ROWS) {
                try (Scope scope = new Ledger().scope("test")) {
                    Poisoned poisoned = new Poisoned(scope, h * 31L + t);
                    Tensor x = poisoned.uniform(t, h);
                    Tensor weight = poisoned.uniform(h);
                    Tensor expected = poisoned.zeros(DType.F32, t, h);
                    Tensor actual = poisoned.copy(x);
                    SCALAR.norm().rms(x, weight, 1e-6f, 1, expected);
                    norm.rms(actual, weight, 1e-6f, 1, actual);
                    Checks.close(actual, expected, 1e-6, "t=%d h=%d", t, h);
                    SCALAR.norm().rms(x, null, 1e-6f, 0, expected);
                    norm.rms(x, null, 1e-6f, 0, actual);
                    Checks.close(actual, expected, 1e-6, "weightless t=%d h=%d", t, h);
                    poisoned.check();
                }
            }
        }
    }

    @Test
    void rmsRowsAreInvariant() {
        try (Scope scope = new Ledger().scope("test")) {
            Poisoned poisoned = new Poisoned(scope, 1);
            Tensor x = poisoned.uniform(300, 257);
            Tensor weight = poisoned.uniform(257);
            invariant(poisoned, 300, 257, (kernels, from, to, out) ->
                    kernels.norm().rms(x.slice(from, to), weight, 1e-6f, 0, out));
        }
    }

    @Test
    void ropeAgreesForwardAndBackward() {
        for (int half : new int[] {0, 1, 7, 8, 15, 16, 17, 33}) {
            for (int t : ROWS) {
                try (Scope scope = new Ledger().scope("test")) {
                    Poisoned poisoned = new Poisoned(scope, half * 31L + t);
                    int dim = 2 * half + 3;
                    double[] frequencies = new double[half];
                    for (int i = 0; i < half; i++) frequencies[i] = Math.pow(10_000, -(double) i / half);
                    int[] positions = new int[t];
                    for (int i = 0; i < t; i++) positions[i] = i * i * 7 % 1500;
                    Tensor x = poisoned.uniform(t, 3 * dim);
                    for (int direction : new int[] {1, -1}) {
                        Tensor expected = poisoned.copy(x);
                        Tensor actual = poisoned.copy(x);
                        SCALAR.rope().rotate(expected, 3, dim, positions, frequencies, 1.1, direction);
                        TWO.rope().rotate(actual, 3, dim, positions, frequencies, 1.1, direction);
                        Checks.close(actual, expected, 1e-6, "t=%d half=%d direction=%d", t, half, direction);
                        TWO.rope().rotate(actual, 3, dim, positions, frequencies, 1 / 1.1, -direction);
                        Checks.close(actual, x, 2e-6, "there and back");
                    }
                    poisoned.check();
                }
            }
        }
    }

    @Test
    void activationsAgree() {
        for (int f : SIZES) {
            for (int t : ROWS) {
                try (Scope scope = new Ledger().scope("test")) {
                    Poisoned poisoned = new Poisoned(scope, f * 31L + t);
                    Tensor gate = poisoned.uniform(t, f);
                    Tensor up = poisoned.uniform(t, f);
                    float[] extremes = {0, -0f, 88, -88, 1e-30f, 1000, -1000, Float.NaN, Float.POSITIVE_INFINITY};
                    for (int i = 0; i < Math.min(extremes.length, t * f); i++) gate.set(i, extremes[i]);
                    Tensor expected = poisoned.zeros(DType.F32, t, f);
                    SCALAR.activation().swiglu(gate, up, expected);
                    Tensor actual = poisoned.copy(gate);
                    TWO.activation().swiglu(actual, up, actual);
                    Checks.close(actual, expected, 1e-6, "swiglu t=%d f=%d", t, f);
                    Tensor a = poisoned.copy(up);
                    Tensor b = poisoned.copy(up);
                    SCALAR.activation().axpy(-0.3f, gate, a);
                    TWO.activation().axpy(-0.3f, gate, b);
                    Checks.close(b, a, 1e-6, "axpy t=%d f=%d", t, f);
                    poisoned.check();
                }
            }
        }
    }

    @Test
    void logSoftmaxAgreesAndIsNormalized() {
        for (int v : SIZES) {
            for (int t : ROWS) {
                try (Scope scope = new Ledger().scope("test")) {
                    Poisoned poisoned = new Poisoned(scope, v * 31L + t);
                    Tensor x = poisoned.uniform(t, v);
                    for (int i = 0; i < t * v; i++) x.set(i, x.get(i) * 30 + 100);
                    if (t > 1 && v > 1) x.set(v, Float.NEGATIVE_INFINITY);
                    Tensor actual = poisoned.copy(x);
                    SCALAR.activation().logSoftmax(x);
                    TWO.activation().logSoftmax(actual);
                    Checks.close(actual, x, 1e-6, "t=%d v=%d", t, v);
                    for (int i = 0; i < t; i++) {
                        double sum = 0;
                        for (int j = 0; j < v; j++) sum += Math.exp(actual.get((long) i * v + j));
                        assertThat(sum).isBetween(1 - 1e-5, 1 + 1e-5);
                    }
                    poisoned.check();
                }
            }
        }
        try (Scope scope = new Ledger().scope("test")) {
            Poisoned poisoned = new Poisoned(scope, 2);
            Tensor x = poisoned.uniform(64, 1000);
            invariant(poisoned, 64, 1000, (kernels, from, to, out) -> {
                out.data().copyFrom(x.slice(from, to).data());
                kernels.activation().logSoftmax(out);
            });
        }
    }

    @Test
    void exponentialKeepsFullPrecisionWhereItDominates() {
        // Through silu(g) * up with g = -x: -x / (1 + e^x) recovers e^x where it dominates.
        int n = 4000;
        float[] gate = new float[n];
        float[] one = new float[n];
        for (int i = 0; i < n; i++) {
            gate[i] = -17 - 70f * i / n;
            one[i] = 1;
        }
        Tensor y = Tensor.of(new float[n], 1, n);
        TWO.activation().swiglu(Tensor.of(gate, 1, n), Tensor.of(one, 1, n), y);
        for (int i = 0; i < n; i++) {
            double expected = gate[i] / (1 + Math.exp(-gate[i]));
            assertThat(Math.abs(y.get(i) / expected - 1)).isLessThan(4e-7);
        }
    }

    private static Attention.Row row(Poisoned poisoned, int index, int kvHeads, int dim, int first, int length) {
        int capacity = length + 3;
        Tensor keys = poisoned.uniform(kvHeads, capacity, dim);
        Tensor values = poisoned.uniform(kvHeads, capacity, dim);
        for (int h = 0; h < kvHeads; h++) {
            for (int t = 0; t < capacity; t++) {
                if (t >= first && t < length) continue;
                for (int i = 0; i < dim; i++) { // out of sight
                    keys.set(((long) h * capacity + t) * dim + i, Float.NaN);
                    values.set(((long) h * capacity + t) * dim + i, Float.NaN);
                }
            }
        }
        return new Attention.Row(index, keys.data(), values.data(), capacity, first, length);
    }

    @Test
    void attentionAgreesAndSeesOnlyItsTokens() {
        attentionAgrees(TWO.attention(), 3e-6);
        assertThatThrownBy(() -> attentionAgrees((q, rows, heads, kvHeads, headDim, scale, out) -> {
            Attention.Row[] cut = rows.clone(); // forgets the newest token
            for (int i = 0; i < cut.length; i++) {
                Attention.Row r = cut[i];
                if (r.length() - r.first() > 1) {
                    cut[i] = new Attention.Row(r.index(), r.keys(), r.values(), r.capacity(), r.first(), r.length() - 1);
                }
            }
            TWO.attention().attend(q, cut, heads, kvHeads, headDim, scale, out);
        }, 3e-6)).isInstanceOf(AssertionError.class);
    }

    private static void attentionAgrees(Attention attention, double tolerance) {
        for (int dim : new int[] {1, 8, 15, 16, 33, 64, 128, 144}) {
            for (int length : new int[] {1, 2, 15, 16, 17, 70}) {
                try (Scope scope = new Ledger().scope("test")) {
                    Poisoned poisoned = new Poisoned(scope, dim * 31L + length);
                    Tensor q = poisoned.uniform(4, 6 * dim);
                    Attention.Row[] rows = {
                        row(poisoned, 2, 3, dim, 0, length), row(poisoned, 0, 3, dim, length / 2, length),
                        row(poisoned, 3, 3, dim, 0, 1)
                    };
                    Tensor expected = poisoned.uniform(4, 6 * dim);
                    Tensor actual = poisoned.copy(expected); // row 1 must stay
                    SCALAR.attention().attend(q, rows, 6, 3, dim, 0.3f, expected);
                    attention.attend(q, rows, 6, 3, dim, 0.3f, actual);
                    Checks.close(actual, expected, tolerance, "dim=%d length=%d", dim, length);
                    poisoned.check();
                }
            }
        }
    }

    @Test
    void attentionRowsAreInvariant() {
        try (Scope scope = new Ledger().scope("test")) {
            Poisoned poisoned = new Poisoned(scope, 4);
            Tensor q = poisoned.uniform(64, 4 * 48);
            List<Attention.Row> rows = new ArrayList<>();
            for (int i = 0; i < 64; i++) rows.add(row(poisoned, i, 2, 48, i % 3, 20 + i));
            invariant(poisoned, 64, 4 * 48, (kernels, from, to, out) -> {
                Attention.Row[] part = new Attention.Row[to - from];
                for (int i = from; i < to; i++) {
                    Attention.Row r = rows.get(i);
                    part[i - from] = new Attention.Row(i - from, r.keys(), r.values(), r.capacity(), r.first(), r.length());
                }
                kernels.attention().attend(q.slice(from, to), part, 4, 2, 48, 0.2f, out);
            });
        }
    }

    /// Rows of one cache, as a prompt brings them: row i sees `window` slots (0: all) before its own.
    private static Attention.Row[] prompt(Poisoned poisoned, int count, int before, int window, int kvHeads, int dim) {
        Attention.Row whole = row(poisoned, 0, kvHeads, dim, 0, before + count);
        Attention.Row[] rows = new Attention.Row[count];
        for (int i = 0; i < count; i++) {
            int length = before + i + 1;
            rows[i] = new Attention.Row(i, whole.keys(), whole.values(), whole.capacity(), window == 0 ? 0 : Math.max(0, length - window), length);
        }
        return rows;
    }

    private static void promptAttends(Attention attention, double tolerance) {
        int[][] shapes = {{4, 2, 16}, {6, 6, 33}, {8, 1, 64}, {4, 2, 128}, {16, 1, 80}};
        for (int[] shape : shapes) {
            for (int[] part : new int[][] {{9, 0, 0}, {40, 3, 0}, {70, 61, 0}, {33, 100, 20}, {50, 0, 7}}) {
                try (Scope scope = new Ledger().scope("test")) {
                    Poisoned poisoned = new Poisoned(scope, shape[2] * 31L + part[0]);
                    Attention.Row[] rows = prompt(poisoned, part[0], part[1], part[2], shape[1], shape[2]);
                    Tensor q = poisoned.uniform(part[0], (long) shape[0] * shape[2]);
                    Tensor expected = poisoned.zeros(DType.F32, part[0], (long) shape[0] * shape[2]);
                    Tensor actual = poisoned.copy(expected);
                    SCALAR.attention().attend(q, rows, shape[0], shape[1], shape[2], 0.3f, expected);
                    attention.attend(q, rows, shape[0], shape[1], shape[2], 0.3f, actual);
                    Checks.close(actual, expected, tolerance, "shape %s part %s", List.of(shape[0], shape[1], shape[2]), part[0]);
                    poisoned.check();
                }
            }
        }
    }

    @Test
    void promptsAttendAsTheOracleDoes() {
        promptAttends(TWO.attention(), 3e-6);
        for (Kernels foreign : FOREIGN) { // tiles multiply numbers of 16 bits
            promptAttends(foreign.roundedAttention(), 1e-5);
            attentionAgrees(foreign.roundedAttention(), 1e-5);
        }
        assertThatThrownBy(() -> promptAttends((q, rows, heads, kvHeads, headDim, scale, out) -> { // all rows see what the last one sees
            Attention.Row[] blind = rows.clone();
            for (int i = 0; i < rows.length; i++) {
                Attention.Row r = rows[i];
                blind[i] = new Attention.Row(r.index(), r.keys(), r.values(), r.capacity(), r.first(), rows[rows.length - 1].length());
            }
            TWO.attention().attend(q, blind, heads, kvHeads, headDim, scale, out);
        }, 1e-5)).isInstanceOf(AssertionError.class);
    }

    /// Rows that share keys are computed together, and must not show it: also not when a later row's token is no number.
    @Test
    void promptRowsAreInvariant() {
        promptRowsAreInvariant(List.of(ONE, TWO));
        if (!FOREIGN.isEmpty()) promptRowsAreInvariant(FOREIGN);
    }

    private static void promptRowsAreInvariant(List<Kernels> providers) {
        for (int window : new int[] {0, 21}) {
            for (int dim : new int[] {48, 64, 70}) {
                try (Scope scope = new Ledger().scope("test")) {
                    Poisoned poisoned = new Poisoned(scope, dim + window);
                    Attention.Row[] rows = prompt(poisoned, 90, 37, window, 2, dim);
                    Tensor q = poisoned.uniform(90, 6L * dim);
                    for (int h = 0; h < 2; h++) {
                        for (int i = 0; i < dim; i++) { // the token of row 60
                            rows[0].keys().set(Tensor.FLOAT, 4 * (((long) h * rows[0].capacity() + 97) * dim + i), Float.NaN);
                            rows[0].values().set(Tensor.FLOAT, 4 * (((long) h * rows[0].capacity() + 97) * dim + i), Float.POSITIVE_INFINITY);
                        }
                    }
                    Tensor seen = poisoned.zeros(DType.F32, 90, 6L * dim);
                    providers.getLast().roundedAttention().attend(q, rows, 6, 2, dim, 0.2f, seen);
                    for (int i = 0; i < 60 * 6 * dim; i++) assertThat(seen.get(i)).isFinite();
                    invariant(poisoned, 90, 6 * dim, providers, (kernels, from, to, out) -> {
                        Attention.Row[] part = new Attention.Row[to - from];
                        for (int i = from; i < to; i++) {
                            Attention.Row r = rows[i];
                            part[i - from] = new Attention.Row(i - from, r.keys(), r.values(), r.capacity(), r.first(), r.length());
                        }
                        kernels.roundedAttention().attend(q.slice(from, to), part, 6, 2, dim, 0.2f, out);
                    });
                }
            }
        }
    }

    @Test
    void heapTensorsWorkToo() {
        Tensor y = Tensor.of(new float[20], 1, 20);
        Tensor x = Tensor.of(new float[20], 1, 20);
        for (int i = 0; i < 20; i++) x.set(i, i - 10);
        TWO.norm().rms(x, null, 0, 0, y);
        Tensor expected = Tensor.of(new float[20], 1, 20);
        SCALAR.norm().rms(x, null, 0, 0, expected);
        Checks.close(y, expected, 1e-6, "heap");
    }
}
