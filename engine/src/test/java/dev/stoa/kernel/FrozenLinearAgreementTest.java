// SPDX-License-Identifier: Apache-2.0
package dev.stoa.kernel;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.stoa.kernel.FrozenLinear.Precision;
import dev.stoa.kernel.FrozenLinear.Update;
import dev.stoa.kernel.foreign.BfloatVariants;
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
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

/// Fused frozen layers in C against their definition. On small integers every sum is exact in F32, so all must agree bit for
/// bit whatever order they add in: weights of every format, every border of a tile. On other numbers the difference is
/// bounded by the rounding of F32 sums alone.
class FrozenLinearAgreementTest {
    private static final Kernels SCALAR = new ScalarKernels(Workers.of(1), "test");
    private static final List<Kernels> OTHERS = others();
    private static final int[][] SHAPES = {{1, 1, 1}, {3, 15, 1}, {16, 16, 1}, {17, 33, 2}, {32, 64, 1}, {33, 300, 2}, {70, 31, 3}};

    private final Random random = new Random(11);

    private static List<Kernels> others() {
        List<Kernels> all = new ArrayList<>();
        for (int threads = 1; threads <= 2; threads++) all.addAll(BfloatVariants.open(threads));
        return all;
    }

    @AfterAll
    static void close() {
        SCALAR.close();
        OTHERS.forEach(Kernels::close);
    }

    /// Tensors of one layer, all in native memory with something else in every result.
    private final class Layer {
        final Tensor x, g, w, u, y, dx, dA, dB;
        final Update update;

        Layer(Tensor w, int rows, int rank, boolean integers, Scope scope) {
            this.w = w;
            x = filled(scope.f32(rows, w.cols()), integers);
            g = filled(scope.f32(rows, w.rows()), integers);
            y = filled(scope.f32(rows, w.rows()), integers);
            dx = filled(scope.f32(rows, w.cols()), integers);
            boolean low = rank > 0;
            update = low ? new Update(filled(scope.f32(rank, w.cols()), integers), filled(scope.f32(w.rows(), rank), integers), 2) : null;
            u = low ? scope.f32(rows, rank) : null;
            dA = low ? filled(scope.f32(rank, w.cols()), integers) : null;
            dB = low ? filled(scope.f32(w.rows(), rank), integers) : null;
        }

        List<float[]> run(FrozenLinear products, boolean accumulate) {
            float[][] before = {y.toArray(), dx.toArray(), dA == null ? null : dA.toArray(), dB == null ? null : dB.toArray()};
            products.forward(x, w, update, u, y, accumulate);
            products.backward(g, update == null ? null : x, w, update, u, dx, accumulate, dA, dB);
            List<float[]> results = new ArrayList<>();
            Tensor[] all = {y, dx, dA, dB};
            for (int i = 0; i < all.length; i++) {
                if (all[i] == null) continue;
                results.add(all[i].toArray());
                for (int j = 0; j < before[i].length; j++) all[i].set(j, before[i][j]);
            }
            if (u != null) results.add(u.toArray());
            return results;
        }
    }

    private Tensor filled(Tensor tensor, boolean integers) {
        for (long i = 0; i < tensor.elements(); i++) tensor.set(i, integers ? random.nextInt(7) - 3 : (float) random.nextGaussian());
        return tensor;
    }

    /// Random quants, with scales that are powers of two: integers of a few bits times that.
    private Tensor weight(DType dtype, int n, int k, Scope scope) {
        if (!dtype.quantized()) {
            float[] values = new float[n * k];
            for (int i = 0; i < values.length; i++) values[i] = random.nextInt(15) - 7;
            return Quant.encode(values, dtype, scope, n, k);
        }
        Tensor w = RoundedMatmulAgreementTest.random(dtype, n, k, scope);
        int[] halves = switch (dtype) {
            case Q4_K, Q5_K -> new int[] {0, 2};
            case Q6_K -> new int[] {208};
            default -> new int[] {0};
        };
        short one = Float.floatToFloat16(1), two = Float.floatToFloat16(-2);
        for (long b = 0; b < w.bytes(); b += dtype.blockBytes()) {
            for (int at : halves) w.data().set(ValueLayout.JAVA_SHORT_UNALIGNED, b + at, random.nextBoolean() ? one : two);
        }
        return w;
    }

    @ParameterizedTest
    @EnumSource(names = {"F32", "BF16", "F16", "Q8_0", "Q4_0", "Q4_K", "Q6_K", "Q5_K", "Q5_0"})
    void integersGiveTheSameBits(DType dtype) {
        int cases = 0;
        for (int[] shape : SHAPES) {
            int k = dtype.quantized() ? shape[2] * dtype.blockElements() : new int[] {1, 37, 290}[shape[2] - 1];
            for (int rank : new int[] {0, 1, 16, 33}) {
                try (Scope scope = new Ledger().scope("test")) {
                    Layer layer = new Layer(weight(dtype, shape[1], k, scope), shape[0], rank, true, scope);
                    for (Precision precision : Precision.values()) {
                        for (boolean accumulate : new boolean[] {false, true}) {
                            List<float[]> expected = layer.run(SCALAR.frozenLinear(precision), accumulate);
                            for (Kernels kernels : OTHERS) {
                                FrozenLinear products = kernels.frozenLinear(precision);
                                List<float[]> actual = layer.run(products, accumulate);
                                for (int i = 0; i < expected.size(); i++) {
                                    assertThat(actual.get(i)).as("%s, result %d of %s, %d rows, rank %d", products.id(), i, layer.w, shape[0], rank)
                                            .isEqualTo(expected.get(i));
                                }
                                cases++;
                            }
                        }
                    }
                }
            }
        }
        assertThat(cases).isEqualTo(SHAPES.length * 4 * 2 * 2 * OTHERS.size());
    }

    /// F32 products, update and all, and rounded ones without: sums of some hundred terms, each within 2^-24 of what it is.
    @ParameterizedTest
    @CsvSource({"F32,33", "BF16,33", "F16,300", "Q8_0,64", "Q4_0,544", "Q4_K,768", "Q6_K,256"})
    void otherNumbersDifferByTheRoundingOfSumsOnly(DType dtype, int k) {
        try (Scope scope = new Ledger().scope("test")) {
            float[] values = new float[70 * k];
            for (int i = 0; i < values.length; i++) values[i] = (float) random.nextGaussian();
            Tensor w = Quant.encode(values, dtype, scope, 70, k);
            for (Precision precision : Precision.values()) {
                Layer layer = new Layer(w, 37, precision == Precision.F32 ? 16 : 0, false, scope);
                List<float[]> expected = layer.run(SCALAR.frozenLinear(precision), true);
                for (Kernels kernels : OTHERS) {
                    List<float[]> actual = layer.run(kernels.frozenLinear(precision), true);
                    for (int i = 0; i < expected.size(); i++) near(actual.get(i), expected.get(i), 1e-5);
                }
            }
        }
    }

    private static void near(float[] actual, float[] expected, double tolerance) {
        double squares = 0;
        for (float value : expected) squares += (double) value * value;
        double scale = Math.sqrt(squares / expected.length);
        for (int i = 0; i < expected.length; i++) {
            assertThat(Math.abs(actual[i] - expected[i]) / scale).as("at %d: %s, want %s", i, actual[i], expected[i]).isLessThan(tolerance);
        }
    }

    @Test
    void roundedFactorsAreSeen() {
        try (Scope scope = new Ledger().scope("test")) {
            Layer layer = new Layer(weight(DType.F32, 20, 65, scope), 9, 4, false, scope);
            List<float[]> exact = layer.run(SCALAR.frozenLinear(Precision.F32), false), rounded = layer.run(SCALAR.frozenLinear(Precision.BF16), false);
            for (int i = 0; i < exact.size(); i++) {
                near(rounded.get(i), exact.get(i), 3e-2);
                int result = i;
                assertThatThrownBy(() -> near(rounded.get(result), exact.get(result), 1e-4)).isInstanceOf(AssertionError.class);
            }
        }
    }

    @Test
    void aRowDoesNotDependOnTheOthers() {
        try (Scope scope = new Ledger().scope("test")) {
            Layer all = new Layer(weight(DType.Q4_0, 100, 320, scope), 80, 8, false, scope);
            for (Kernels kernels : OTHERS) {
                FrozenLinear products = kernels.frozenLinear(Precision.BF16);
                Tensor y = scope.f32(80, 100), u = scope.f32(80, 8), one = scope.f32(1, 100), own = scope.f32(1, 8);
                products.forward(all.x, all.w, all.update, u, y, false);
                for (int row : new int[] {0, 15, 16, 31, 32, 79}) {
                    products.forward(all.x.slice(row, row + 1), all.w, all.update, own, one, false);
                    assertThat(one.toArray()).isEqualTo(y.slice(row, row + 1).toArray());
                    assertThat(own.toArray()).isEqualTo(u.slice(row, row + 1).toArray());
                }
            }
        }
    }

    @Test
    void wrongShapesAreRefused() {
        try (Scope scope = new Ledger().scope("test")) {
            Layer layer = new Layer(weight(DType.BF16, 20, 32, scope), 4, 2, true, scope);
            List<Kernels> all = new ArrayList<>(OTHERS);
            all.add(SCALAR);
            for (Kernels kernels : all) {
                FrozenLinear products = kernels.frozenLinear(Precision.BF16);
                assertThatThrownBy(() -> products.forward(layer.g, layer.w, layer.update, layer.u, layer.y, false)).isInstanceOf(IllegalArgumentException.class);
                assertThatThrownBy(() -> products.forward(layer.x, layer.w, layer.update, null, layer.y, false)).isInstanceOf(IllegalArgumentException.class);
                assertThatThrownBy(() -> products.backward(layer.g, layer.x, layer.w, layer.update, layer.u, layer.dx, false, layer.dB, layer.dA))
                        .isInstanceOf(IllegalArgumentException.class);
            }
        }
    }
}
