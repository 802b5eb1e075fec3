// SPDX-License-Identifier: Apache-2.0
package dev.stoa.model.family;

import dev.stoa.model.FeedForward;
import dev.stoa.model.LayerSpec;
import dev.stoa.model.ModelConfig;
import dev.stoa.model.ModelSpec;
import dev.stoa.model.TensorDirectory;
import dev.stoa.nn.NormSpec;
import dev.stoa.nn.RopeSpec;
import dev.stoa.nn.RouterSpec;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;

/// Qwen3-MoE: Qwen3's attention, with experts in every layer except those of `mlp_only_layers` and those that
/// `decoder_sparse_step` leaves out. Softmax router; weights are renormalized only with `norm_topk_prob`.
final class Qwen3Moe implements Family {
    @Override
    public Set<String> keys() {
        return Set.of("num_experts", "num_local_experts", "num_experts_per_tok", "moe_intermediate_size", "norm_topk_prob",
                "mlp_only_layers", "decoder_sparse_step");
    }

    @Override
    public ModelSpec translate(ModelConfig config, TensorDirectory files) {
        Translation t = Translation.of(config, files, Qwen3.DEFAULT_HEAD_DIM);
        t.expectAct("silu");
        t.layerTypes(List.of(), "full_attention", "sliding_attention");
        int experts = t.experts(-1);
        FeedForward.Moe moe = new FeedForward.Moe("mlp",
                RouterSpec.softmax(t.topK("num_experts_per_tok", 8, experts), t.fields().flag("norm_topk_prob", false)), experts,
                t.fields().integer("moe_intermediate_size", -1, 1, 1 << 22), t.function(), 0, false);
        List<Integer> dense = t.fields().integers("mlp_only_layers");
        int step = t.fields().integer("decoder_sparse_step", 1, 1, 1 << 20);
        NormSpec norm = t.norm(0);
        RopeSpec rope = t.rope();
        // This family's window, when switched on, is that of every layer.
        int window = config.useSlidingWindow() ? config.slidingWindow() : 0;
        List<LayerSpec> layers = new ArrayList<>();
        for (int i = 0; i < config.layers(); i++) {
            boolean sparse = !dense.contains(i) && (i + 1) % step == 0;
            layers.add(new LayerSpec(i, Qwen3.attention(t, norm, rope, window), norm, sparse ? moe : t.gated(false), norm));
        }
        return t.decoder("qwen3_moe", layers, norm);
    }
}
