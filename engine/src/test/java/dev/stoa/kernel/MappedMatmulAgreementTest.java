// SPDX-License-Identifier: Apache-2.0
package dev.stoa.kernel;

import static org.assertj.core.api.Assertions.assertThat;

import dev.stoa.EngineFault;
import dev.stoa.format.Json;
import dev.stoa.format.QuantConfig;
import dev.stoa.format.QuantizedWeights;
import dev.stoa.format.Safetensors;
import dev.stoa.format.Weights;
import dev.stoa.kernel.scalar.ScalarKernels;
import dev.stoa.kernel.vector.VectorKernels;
import dev.stoa.quant.Quant;
import dev.stoa.tensor.DType;
import dev.stoa.tensor.Ledger;
import dev.stoa.tensor.Scope;
import dev.stoa.tensor.Tensor;
import java.io.IOException;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/// A weight multiplied where it lies, in any format, gives what its decoded values give, takes no memory, and keeps a row's
/// bits whatever the batch and the number of threads.
class MappedMatmulAgreementTest {
    private static final Kernels SCALAR = new ScalarKernels(Workers.of(1), "test");
    private static final Kernels ONE = new VectorKernels(Workers.of(1), "test");
    private static final Kernels TWO = new VectorKernels(Workers.of(2), "test");

    @AfterAll
    static void close() {
        SCALAR.close();
        ONE.close();
        TWO.close();
    }

    /// Weights whose scales are finite: the bytes of block formats are random except the upper ones of every f16.
    private static Tensor random(DType dtype, int n, int k, Scope scope) {
        Tensor w = scope.tensor(dtype, n, k);
        Random random = new Random(31L * n + k);
        if (!dtype.quantized() || !Quant.format(dtype).readOnly()) {
            float[] values = new float[n * k];
            for (int i = 0; i < values.length; i++) values[i] = (float) random.nextGaussian() / 4;
            Quant.format(dtype).encode(values, 0, values.length, w.data(), 0);
            return w;
        }
        int[] halves = switch (dtype) {
            case Q2_K -> new int[] {80, 82};
            case Q3_K -> new int[] {108};
            case Q4_1, Q5_1 -> new int[] {0, 2};
            default -> new int[] {0};
        };
        for (long i = 0; i < w.bytes(); i++) w.data().set(ValueLayout.JAVA_BYTE, i, (byte) random.nextInt());
        for (long b = 0; b < w.bytes(); b += dtype.blockBytes()) {
            for (int at : halves) w.data().set(ValueLayout.JAVA_BYTE, b + at + 1, (byte) (random.nextInt(256) & 0x9f));
        }
        return w;
    }

    @ParameterizedTest
    @EnumSource(names = {"F32", "F16", "BF16", "Q8_0", "Q4_0", "Q4_1", "Q5_0", "Q5_1", "Q2_K", "Q3_K", "Q4_K", "Q5_K", "Q6_K", "IQ4_NL",
        "IQ4_XS", "MXFP4", "NVFP4"})
    void everyBlockFormatAgreesWithItsDecodedValues(DType dtype) {
        for (int blocks : new int[] {1, 3}) {
            int k = dtype.quantized() ? blocks * dtype.blockElements() : blocks * 37;
            for (int n : new int[] {1, 3, 4, 9}) {
                try (Scope scope = new Ledger().scope("test")) {
                    Tensor w = random(dtype, n, k, scope);
                    Tensor decoded = Tensor.of(Quant.decode(w), n, k);
                    agrees(w, decoded, scope);
                }
            }
        }
    }

    @Test
    void packedModulesOfAModelAgree() throws IOException {
        Path golden = Path.of("src/test/resources/golden/mlx");
        try (Scope scope = new Ledger().scope("test")) {
            QuantConfig config = QuantConfig.read(golden, Json.readObject(golden.resolve("config.json"), 1 << 20, EngineFault.CONFIG_INVALID));
            Weights view = QuantizedWeights.of(Safetensors.open(golden.resolve("packed.safetensors"), scope), config, Map.of(), golden);
            int packed = 0;
            for (String name : view.names()) {
                Tensor w = view.find(name);
                if (w.rank() == 3) w = w.slice(1, 5); // rows of two experts
                agrees(w, Tensor.of(Quant.decode(w), w.shape()), scope);
                if (w.packing() != null) packed++;
            }
            assertThat(packed).isEqualTo(23);
        }
    }

    private static void agrees(Tensor w, Tensor decoded, Scope scope) {
        int n = w.rows();
        int k = w.cols();
        PackedWeight truth = SCALAR.matmul().map(decoded);
        long before = scope.bytes();
        PackedWeight one = ONE.matmul().map(w);
        PackedWeight two = TWO.matmul().map(w);
        assertThat(scope.bytes()).isEqualTo(before);
        Poisoned poisoned = new Poisoned(scope, 17L * n + k);
        float largest = 0;
        for (float value : decoded.toArray()) largest = Math.max(largest, Math.abs(value));
        for (int m : new int[] {1, 2, 5}) {
            Tensor x = poisoned.uniform(m, k);
            Tensor expected = poisoned.uniform(m, n);
            Tensor actual = poisoned.copy(expected);
            Tensor threads = poisoned.copy(expected);
            SCALAR.matmul().multiply(x, truth, expected, true);
            ONE.matmul().multiply(x, one, actual, true);
            TWO.matmul().multiply(x, two, threads, true);
            Checks.close(actual, expected, 1e-6 * Math.sqrt(k + 1) * Math.max(1, largest), "%s m=%d n=%d", w.describe(), m, n);
            assertThat(threads.toArray()).isEqualTo(actual.toArray());
            Tensor alone = poisoned.zeros(DType.F32, 1, n);
            ONE.matmul().multiply(x.slice(m - 1, m), one, alone, false);
            ONE.matmul().multiply(x, one, actual, false);
            assertThat(alone.toArray()).isEqualTo(actual.slice(m - 1, m).toArray());
        }
        poisoned.check();
    }

    /// The mutant: columns shifted by one must be seen at the tolerance in use.
    @Test
    void seesAShiftedColumn() {
        try (Scope scope = new Ledger().scope("test")) {
            Tensor w = random(DType.Q4_K, 3, 256, scope);
            float[] values = Quant.decode(w);
            float[] shifted = new float[values.length];
            System.arraycopy(values, 0, shifted, 1, values.length - 1);
            org.assertj.core.api.Assertions.assertThatThrownBy(() -> agrees(w, Tensor.of(shifted, 3, 256), scope)).isInstanceOf(AssertionError.class);
        }
    }
}
