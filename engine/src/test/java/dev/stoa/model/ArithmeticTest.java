// SPDX-License-Identifier: Apache-2.0
package dev.stoa.model;

import static org.assertj.core.api.Assertions.assertThat;

import dev.stoa.adapter.AdapterSet;
import dev.stoa.kernel.KernelProvider;
import dev.stoa.kernel.Kernels;
import dev.stoa.quant.Quant;
import dev.stoa.tensor.DType;
import dev.stoa.tensor.Ledger;
import dev.stoa.tensor.Scope;
import dev.stoa.tensor.Tensor;
import java.util.LinkedHashMap;
import java.util.Map;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/// A quantized model in integers: near the same model in floats, and the same bits however its rows are batched.
class ArithmeticTest {
    private static final ModelSpec SPEC = TinyModels.spec(TinyModels.LLAMA.replace("\"hidden_size\":32", "\"hidden_size\":256")
            .replace("\"intermediate_size\":48", "\"intermediate_size\":512"));
    private static final int[] IDS = {5, 9, 1, 33, 20, 2, 7, 7, 40, 11, 3, 18, 29};

    private static Model model(DType dtype, Arithmetic arithmetic, Kernels kernels, Scope scope) {
        Map<String, Tensor> stored = new LinkedHashMap<>();
        TinyModels.tensors(SPEC, 3).forEach((name, tensor) -> stored.put(name, tensor.rank() == 2
                ? Quant.encode(tensor.toArray(), dtype, scope, tensor.shape()) : tensor));
        return Model.of(SPEC, stored, null, kernels, scope, Placement.PACKED, arithmetic);
    }

    private static float[][] logits(Model model, int chunk) {
        return Runner.logits(new Decoder(model), SPEC, AdapterSet.BASE, chunk, IDS);
    }

    @ParameterizedTest
    @EnumSource(names = {"Q4_0", "Q8_0", "Q4_K", "Q6_K"})
    void integersStayNearFloatsAndKeepTheirBits(DType dtype) {
        try (Kernels scalar = KernelProvider.open("scalar", 1); Kernels vector = KernelProvider.open("vector", 2);
                Kernels auto = KernelProvider.open("auto", 2); Scope scope = new Ledger().scope("arithmetic")) {
            float[][] floats = logits(model(dtype, Arithmetic.FLOAT, scalar, scope), 4);
            float[][] truth = logits(model(dtype, Arithmetic.INTEGER, scalar, scope), 4);
            double scale = 0;
            double rounding = 0;
            for (int t = 0; t < IDS.length; t++) {
                for (int i = 0; i < truth[t].length; i++) {
                    scale += Math.pow(floats[t][i], 2);
                    rounding += Math.pow(floats[t][i] - truth[t][i], 2);
                }
            }
            assertThat(Math.sqrt(rounding / scale)).isBetween(1e-5, 0.03);
            for (Kernels kernels : new Kernels[] {vector, auto}) {
                Model model = model(dtype, Arithmetic.INTEGER, kernels, scope);
                float[][] whole = logits(model, IDS.length);
                assertThat(logits(model, 1)).as(kernels.id()).isDeepEqualTo(whole);
                assertThat(logits(model, 5)).as(kernels.id()).isDeepEqualTo(whole);
            }
        }
    }
}
