// SPDX-License-Identifier: Apache-2.0
package dev.stoa.model;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.stoa.EngineFault;
import dev.stoa.FaultException;
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
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/// Binding: every tensor exactly once, in the right shape, of a readable type, with finite values.
class ModelTest {
    private final ModelSpec spec = TinyModels.spec(TinyModels.QWEN3);
    private Kernels kernels;
    private Scope scope;

    @BeforeEach
    void open() {
        kernels = KernelProvider.open("scalar", 1);
        scope = new Ledger().scope("model test");
    }

    @AfterEach
    void close() {
        scope.close();
        kernels.close();
    }

    private FaultException refusal(Map<String, Tensor> tensors) {
        try {
            Model.of(spec, tensors, null, kernels, scope);
        } catch (FaultException fault) {
            return fault;
        }
        throw new AssertionError("accepted");
    }

    @Test
    void allOffendersAreListedTogether() {
        Map<String, Tensor> tensors = TinyModels.tensors(spec, 1);
        tensors.remove("layers.0.mlp.up_proj.weight");
        tensors.put("layers.1.self_attn.q_proj.weight", Tensor.of(new float[32], 1, 32));
        tensors.put("layers.1.self_attn.q_proj.bias", Tensor.of(new float[48], 48));
        tensors.put("patches.weight", Tensor.of(new float[4], 4));
        tensors.put("norm.weight", new Tensor(scope.allocate(32 * 8), DType.I64, 32));
        tensors.put("model.embed_tokens.weight", tensors.get("embed_tokens.weight"));
        tensors.put("model.layers.0.self_attn.rotary_emb.inv_freq", Tensor.of(new float[4], 4));
        FaultException fault = refusal(tensors);
        assertThat(fault.fault().code()).isEqualTo(EngineFault.TENSOR_MISMATCH);
        assertThat(fault.fault().issues()).hasSize(6).anySatisfy(i -> assertThat(i).contains("up_proj.weight is missing, expected [48, 32]"))
                .anySatisfy(i -> assertThat(i).contains("q_proj.weight is F32[1, 32], expected [48, 32]"))
                .anySatisfy(i -> assertThat(i).contains("q_proj.bias F32[48] is not used"))
                .anySatisfy(i -> assertThat(i).contains("patches.weight F32[4] is not used"))
                .anySatisfy(i -> assertThat(i).contains("norm.weight has type I64"))
                .anySatisfy(i -> assertThat(i).contains("embed_tokens.weight is there twice"));
    }

    @ParameterizedTest
    @ValueSource(strings = {"model.language_model.", "language_model.model.", "language_model.", "model.", ""})
    void anyPrefixIsStripped(String prefix) {
        Map<String, Tensor> prefixed = new LinkedHashMap<>();
        TinyModels.tensors(spec, 1).forEach((name, tensor) -> prefixed.put(prefix + name, tensor));
        Model model = Model.of(spec, prefixed, "hash", kernels, scope);
        assertThat(model.weight("layers.1.mlp.down_proj.weight").dim(0)).isEqualTo(32);
        assertThat(model.linearShapes()).hasSize(15).containsKey("lm_head");
        assertThat(model.linearShapes().get("layers.0.self_attn.q_proj")).containsExactly(48, 32);
        assertThatThrownBy(() -> model.packed("layers.9.mlp.up_proj")).isInstanceOf(IllegalArgumentException.class);
        assertThatThrownBy(() -> model.weight("nothing")).isInstanceOf(IllegalArgumentException.class);
    }

    @Test
    void valuesThatAreNotFiniteAreNamed() {
        Map<String, Tensor> tensors = TinyModels.tensors(spec, 1);
        tensors.get("layers.0.mlp.up_proj.weight").set(3 * 32 + 5, Float.NaN);
        tensors.get("norm.weight").set(7, Float.NEGATIVE_INFINITY);
        FaultException fault = refusal(tensors);
        assertThat(fault.fault().code()).isEqualTo(EngineFault.NON_FINITE);
        assertThat(fault.fault().issues()).containsExactlyInAnyOrder("layers.0.mlp.up_proj.weight[3, 5] = NaN", "norm.weight[0, 7] = -Infinity");
    }

    /// A model stored in another format is the model of its decoded values.
    @ParameterizedTest
    @ValueSource(strings = {"BF16", "F16", "Q8_0"})
    void everyFormatComputesWithItsDecodedValues(String name) {
        DType dtype = DType.valueOf(name);
        ModelSpec wide = TinyModels.spec(TinyModels.LLAMA.replace("\"intermediate_size\":48", "\"intermediate_size\":64"));
        Map<String, Tensor> stored = new LinkedHashMap<>();
        Map<String, Tensor> decoded = new LinkedHashMap<>();
        TinyModels.tensors(wide, 3).forEach((key, tensor) -> {
            DType as = tensor.rank() == 2 || !dtype.quantized() ? dtype : DType.F32;
            Tensor encoded = Quant.encode(tensor.toArray(), as, scope, tensor.shape());
            stored.put(key, encoded);
            decoded.put(key, Tensor.of(Quant.decode(encoded), tensor.shape()));
        });
        float[][] ours = Runner.logits(new Decoder(Model.of(wide, stored, null, kernels, scope)), wide, AdapterSet.BASE, 8, 5, 9, 1, 33);
        double[][] truth = new ReferenceForward(wide, decoded, AdapterSet.BASE, ReferenceForward.Mutant.NONE).logits(5, 9, 1, 33);
        assertThat(Runner.largestDifference(ours, truth)).isLessThan(1e-4);
    }
}
