// SPDX-License-Identifier: Apache-2.0
package dev.stoa.model;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.stoa.FaultException;
import dev.stoa.adapter.AdapterSet;
import dev.stoa.kernel.KernelProvider;
import dev.stoa.kernel.Kernels;
import dev.stoa.model.family.Families;
import dev.stoa.nn.mixer.MixerSpec;
import dev.stoa.tensor.Ledger;
import dev.stoa.tensor.Scope;
import dev.stoa.tensor.Tensor;
import java.util.Map;
import java.util.Set;
import java.util.SplittableRandom;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;

/// Models composed of registered mixers: where their tensors are found, what is ambiguous, and that they run like any
/// other model, in pieces, with adapters, and beside a mixer that only the tests know.
class ComposedTest {
    private static final String HYBRID = """
            {"model_type":"hybrid","vocab":61,"hidden":32,"heads":4,"kv_heads":2,"head_dim":8,"intermediate":40,"norm_eps":1e-5,
             "rope_theta":10000.0,"tie_word_embeddings":true,"embed_scale":2.0,"max_position_embeddings":128,
             "layer_types":["gla","full_attention","mamba2","gated_deltanet","moba","test_average"],
             "gla":{"gate_logit_normalizer":4.0,"kv_heads":4},"full_attention":{"qk_norm":true},
             "mamba2":{"state_size":8,"n_groups":2,"kv_heads":4},"gated_deltanet":{"conv_kernel":3},"moba":{"block_size":4,"top_k":1}}""";

    private static ModelSpec spec(String config, String... more) {
        Set<String> names = new java.util.TreeSet<>(Set.of(more));
        return Families.translate(TinyModels.json(config), names);
    }

    @Test
    void aHybridRunsInPiecesAndWithAdapters() {
        ModelSpec spec = spec(HYBRID, "layers.1.attn.q_proj.weight", "layers.0.mixer.q_proj.weight", "layers.2.ssm.in_proj.weight");
        assertThat(spec.layers().get(1).mixerPath("q_proj")).isEqualTo("layers.1.attn.q_proj");
        assertThat(spec.layers().get(3).mixerPath("A_log")).isEqualTo("layers.3.A_log");
        assertThat(((MixerSpec.Named) spec.layers().get(0).mixer()).config().kvHeads()).isEqualTo(4);
        try (Kernels kernels = KernelProvider.open("auto", 2); Scope scope = new Ledger().scope("composed")) {
            Model model = Model.of(spec, TinyModels.tensors(spec, 3), "composed", kernels, scope);
            Decoder decoder = new Decoder(model);
            int[] ids = new SplittableRandom(4).ints(29, 0, 61).toArray();
            AdapterSet set = AdapterSet.of(TinyModels.adapter(model, 3, 5));
            float[][] whole = Runner.logits(decoder, spec, set, 32, ids);
            for (int chunk : new int[] {1, 5, 16}) assertThat(Runner.logits(decoder, spec, set, chunk, ids)).isDeepEqualTo(whole);
            assertThat(Runner.logits(decoder, spec, AdapterSet.BASE, 32, ids)[28]).isNotEqualTo(whole[28]);
        }
    }

    @Test
    void aKindAloneIsAUniformStackAndBothOrNeitherIsAmbiguous() {
        String uniform = HYBRID.replace("\"hybrid\"", "\"gla\"").replaceAll("\"layer_types\":\\[[^]]*\\],", "\"num_hidden_layers\":2,");
        assertThat(spec(uniform).layers()).hasSize(2).allMatch(layer -> ((MixerSpec.Named) layer.mixer()).kind().equals("gla"));
        assertThatThrownBy(() -> spec(HYBRID.replace("\"hybrid\"", "\"gla\""))).isInstanceOf(FaultException.class).hasMessageContaining("ambiguous config");
        assertThatThrownBy(() -> spec(HYBRID.replaceAll("\"layer_types\":\\[[^]]*\\],", "\"num_hidden_layers\":2,")))
                .isInstanceOf(FaultException.class).hasMessageContaining("ambiguous config");
        assertThatThrownBy(() -> spec(HYBRID.replace("moba\",\"test_average", "moba\",\"xlstm"))).isInstanceOf(FaultException.class)
                .hasMessageContaining("xlstm").hasMessageContaining("mamba2");
        assertThatThrownBy(() -> spec(HYBRID, "layers.0.one.q_proj.weight", "layers.0.two.k_proj.weight")).isInstanceOf(FaultException.class)
                .hasMessageContaining("[one, two]");
        assertThatThrownBy(() -> spec(HYBRID.replace("\"hidden\":32", "\"hidden\":32,\"hidden_size\":33"))).hasMessageContaining("ambiguous");
    }

    @Test
    void missingAndLeftOverTensorsAreListed() {
        ModelSpec spec = spec(HYBRID);
        Map<String, Tensor> tensors = new TreeMap<>(TinyModels.tensors(spec, 1));
        tensors.remove("layers.2.A_log");
        tensors.put("layers.2.B_log", Tensor.of(new float[4], 4));
        try (Kernels kernels = KernelProvider.open("scalar", 1); Scope scope = new Ledger().scope("composed")) {
            assertThatThrownBy(() -> Model.of(spec, tensors, null, kernels, scope)).isInstanceOf(FaultException.class)
                    .hasMessageContaining("layers.2.A_log is missing").hasMessageContaining("layers.2.B_log");
        }
    }
}
