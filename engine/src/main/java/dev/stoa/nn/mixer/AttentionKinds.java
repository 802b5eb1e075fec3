// SPDX-License-Identifier: Apache-2.0
package dev.stoa.nn.mixer;

import dev.stoa.nn.NormSpec;
import java.util.ArrayList;
import java.util.List;

/// Attention as a registered kind, for composed models: `full_attention`, and `sliding_attention` with its `window`.
/// Options of both: `qk_norm`, `softcap`, `output_gate`, `scale`.
public final class AttentionKinds {
    private AttentionKinds() {}

    private static MixerSpec.Attention spec(MixerConfig c, boolean sliding) {
        int window = sliding ? c.integer("window", 0, 1) : 0;
        NormSpec norm = c.flag("qk_norm", false) ? new NormSpec(c.eps(), 0) : null;
        AttentionOptions options = new AttentionOptions(false, c.flag("output_gate", false), (float) c.number("softcap", 0), false, false, -1, false, 0);
        return new MixerSpec.Attention(c.heads(), c.kvHeads(), c.headDim(), (float) c.number("scale", 1 / Math.sqrt(c.headDim())), false, false,
                norm, c.rope(), window, options);
    }

    private static List<MixerTensor> tensors(MixerConfig c) {
        long queries = (long) c.heads() * c.headDim();
        long keys = (long) c.kvHeads() * c.headDim();
        List<MixerTensor> tensors = new ArrayList<>(List.of(
                MixerTensor.linear("q_proj", c.flag("output_gate", false) ? 2 * queries : queries, c.hidden()),
                MixerTensor.linear("k_proj", keys, c.hidden()), MixerTensor.linear("v_proj", keys, c.hidden()),
                MixerTensor.linear("o_proj", c.hidden(), queries)));
        if (c.flag("qk_norm", false)) {
            tensors.add(MixerTensor.values("q_norm.weight", c.headDim()));
            tensors.add(MixerTensor.values("k_norm.weight", c.headDim()));
        }
        return tensors;
    }

    private static Mixer build(MixerBuildContext context, boolean sliding) {
        return new GroupedAttention(spec(context.config(), sliding), new GroupedAttention.Weights(context.linear("q_proj"), context.linear("k_proj"),
                context.linear("v_proj"), context.linear("o_proj"), context.optional("q_norm.weight"), context.optional("k_norm.weight"), null));
    }

    /// `full_attention`.
    public static final class Full implements MixerProvider {
        @Override
        public String kind() {
            return "full_attention";
        }

        @Override
        public List<MixerTensor> tensors(MixerConfig config) {
            return AttentionKinds.tensors(config);
        }

        @Override
        public Mixer build(MixerBuildContext context) {
            return AttentionKinds.build(context, false);
        }
    }

    /// `sliding_attention`.
    public static final class Sliding implements MixerProvider {
        @Override
        public String kind() {
            return "sliding_attention";
        }

        @Override
        public List<MixerTensor> tensors(MixerConfig config) {
            spec(config, true);
            return AttentionKinds.tensors(config);
        }

        @Override
        public Mixer build(MixerBuildContext context) {
            return AttentionKinds.build(context, true);
        }
    }
}
