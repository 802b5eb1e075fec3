// SPDX-License-Identifier: Apache-2.0
package dev.stoa.model.family;

import dev.stoa.format.GgufValue;
import dev.stoa.format.GgufValue.Kind;
import dev.stoa.model.ConfigFields;
import dev.stoa.model.FeedForward;
import dev.stoa.model.LayerSpec;
import dev.stoa.model.ModelConfig;
import dev.stoa.model.ModelConfig.RopeParameters;
import dev.stoa.model.ModelSpec;
import dev.stoa.nn.mixer.MixerSpec;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/// A config as the metadata of a GGUF file: the inverse of [GgufConfig], with the keys that llama.cpp's converter writes.
/// What the format cannot say is left out here and found by reading the result back; what llama.cpp refuses although our
/// own reader would take it is in [#limits].
public final class GgufHyperParameters {
    private final ModelSpec spec;
    /// A factor that leaves a pair of channels unrotated.
    private static final float UNROTATED = 1e30f;
    private final ModelConfig config;
    private final String arch;
    private final Map<String, GgufValue> values = new LinkedHashMap<>();

    private GgufHyperParameters(ModelSpec spec, ModelConfig config, String arch) {
        this.spec = spec;
        this.config = config;
        this.arch = arch;
    }

    /// Whether models of this family are written as GGUF, and under which architecture; null when not.
    public static String architecture(ModelSpec spec) {
        return GgufConfig.architecture(spec);
    }

    /// The pairs `ARCH.*` for a model whose [#architecture] is not null; `spec` and `config` are in Hugging Face's form.
    public static Map<String, GgufValue> of(ModelSpec spec, ModelConfig config) {
        return new GgufHyperParameters(spec, config, architecture(spec)).values();
    }

    /// The factors by which readers divide the plain frequencies (`rope_freqs.weight`), or null when there are none:
    /// llama3 scaling, which has no keys of its own, and the full layers of Gemma 4, whose unrotated pairs are divided away.
    public static float[] ropeFactors(ModelSpec spec, ModelConfig config) {
        if (spec.family().equals("gemma4")) return fullLayerFactors(spec, config);
        if (!config.rope().type().equals("llama3") || !(spec.layers().getFirst().mixer() instanceof MixerSpec.Attention a)) return null;
        double[] frequencies = a.rope().inverseFrequencies();
        float[] factors = new float[frequencies.length];
        for (int i = 0; i < factors.length; i++) {
            factors[i] = (float) (Math.pow(config.rope().theta(), -2.0 * i / a.headDim()) / frequencies[i]);
        }
        return factors;
    }

    private static float[] fullLayerFactors(ModelSpec spec, ModelConfig config) {
        MixerSpec.Attention full = (MixerSpec.Attention) spec.layers().getLast().mixer();
        double[] frequencies = full.rope().inverseFrequencies();
        float[] factors = new float[frequencies.length];
        double theta = config.rope("full_attention").theta();
        for (int i = 0; i < factors.length; i++) {
            factors[i] = frequencies[i] == 0 ? UNROTATED : (float) (Math.pow(theta, -2.0 * i / full.headDim()) / frequencies[i]);
        }
        return factors;
    }

    /// Why llama.cpp would not load such a file, or would compute something else from it; empty when it would not.
    public static List<String> limits(ModelSpec spec, ModelConfig config) {
        String arch = architecture(spec);
        List<String> reasons = new ArrayList<>();
        boolean llama = arch.equals("llama");
        boolean outputBias = false;
        boolean inputBias = false;
        boolean feedForwardBias = false;
        boolean dense = false;
        boolean summed = true;
        for (LayerSpec layer : spec.layers()) {
            if (layer.mixer() instanceof MixerSpec.Attention a) {
                outputBias |= a.outputBias();
                inputBias |= a.inputBias();
            }
            if (layer.ffn() instanceof FeedForward.Moe moe) summed &= moe.router().renormalize();
            if (layer.ffn() instanceof FeedForward.Gated gated) {
                feedForwardBias |= gated.bias();
                dense = true;
            }
        }
        if (outputBias && !llama && !arch.equals("bert")) reasons.add("o_proj has a bias, which llama.cpp reads only in models of the architecture llama");
        if (feedForwardBias && !llama) reasons.add("the feed-forward has biases, which llama.cpp reads only in models of the architecture llama");
        if (dense && (arch.equals("qwen3moe") || arch.equals("qwen35moe"))) {
            reasons.add("some layers have no experts; llama.cpp expects them in every layer of " + arch);
        }
        if (!summed) reasons.add("norm_topk_prob is false; llama.cpp always renormalizes the weights of the chosen experts of " + arch);
        if (config.rope().type().equals("llama3") && !llama) reasons.add("rope type llama3, which llama.cpp reads only in models of the architecture llama");
        if (arch.equals("qwen2") && spec.layers().getFirst().mixer() instanceof MixerSpec.Attention a && a.heads() * a.headDim() != spec.hidden()) {
            reasons.add("head_dim " + a.headDim() + " is not hidden_size / num_attention_heads, as llama.cpp takes it for qwen2");
        }
        if (arch.equals("gemma4") && inputBias) reasons.add("q, k and v have biases, which llama.cpp does not read for gemma4");
        if (arch.equals("gemma2") && !spec.tiedHead()) reasons.add("a head of its own, which llama.cpp does not read for gemma2");
        if (arch.equals("minimax-m2") && spec.tiedHead()) reasons.add("a tied head; llama.cpp expects one of its own for minimax-m2");
        return reasons;
    }

    /// What a file says rightly, but llama.cpp refuses to load; this engine does load it.
    public static List<String> notes(ModelSpec spec, ModelConfig config) {
        if (!architecture(spec).startsWith("qwen35")) return List.of();
        int keys = config.fields().integer("linear_key_head_dim", 128, 1, 1 << 14);
        int values = config.fields().integer("linear_value_head_dim", 128, 1, 1 << 14);
        return keys == values ? List.of() : List.of("llama.cpp loads only delta nets whose value heads (" + values + ") are as wide as their key heads ("
                + keys + "); this file is for other readers");
    }

    private Map<String, GgufValue> values() {
        MixerSpec.Attention heads = attention();
        if (arch.equals("bert")) return encoder(heads);
        put("block_count", spec.layers().size());
        put("context_length", config.maxPositions());
        put("embedding_length", spec.hidden());
        if (config.intermediate() > 0) put("feed_forward_length", config.intermediate());
        put("attention.head_count", heads.heads());
        put("attention.head_count_kv", heads.kvHeads());
        put("rope.freq_base", config.rope("full_attention").theta());
        put("attention.layer_norm_rms_epsilon", config.rmsNormEps());
        put("attention.key_length", heads.headDim());
        put("attention.value_length", heads.headDim());
        put("vocab_size", spec.vocab());
        if (!arch.startsWith("gemma")) put("rope.dimension_count", 2 * heads.rope().inverseFrequencies().length);
        scaling(config.rope("full_attention"));
        switch (arch) {
            case "qwen3moe", "minimax-m2" -> experts();
            case "qwen35", "qwen35moe" -> hybrid();
            case "gemma2", "gemma3" -> gemma();
            case "gemma4" -> gemma4();
            default -> { }
        }
        return values;
    }

    /// Everything is visible, and a text's vector is the mean over its tokens.
    private Map<String, GgufValue> encoder(MixerSpec.Attention heads) {
        put("block_count", spec.layers().size());
        put("context_length", config.maxPositions());
        put("embedding_length", spec.hidden());
        put("feed_forward_length", config.intermediate());
        put("attention.head_count", heads.heads());
        put("attention.layer_norm_epsilon", spec.embed().norm().eps());
        values.put(key("attention.causal"), GgufValue.flag(false));
        put("pooling_type", 1);
        put("vocab_size", spec.vocab());
        values.put("tokenizer.ggml.token_type_count", GgufValue.u32(spec.embed().tokenTypes()));
        return values;
    }

    private MixerSpec.Attention attention() {
        for (LayerSpec layer : spec.layers()) if (layer.mixer() instanceof MixerSpec.Attention a) return a;
        throw new IllegalArgumentException("no layer of the model attends");
    }

    private FeedForward.Moe moe() {
        for (LayerSpec layer : spec.layers()) if (layer.ffn() instanceof FeedForward.Moe moe) return moe;
        throw new IllegalArgumentException("no layer of the model has experts");
    }

    private void scaling(RopeParameters rope) {
        if (!rope.type().equals("linear") && !rope.type().equals("yarn")) return;
        values.put(key("rope.scaling.type"), GgufValue.text(rope.type()));
        put("rope.scaling.factor", rope.factor());
        if (rope.type().equals("linear")) return;
        double original = Double.isNaN(rope.originalMaxPositions()) ? config.maxPositions() : rope.originalMaxPositions();
        put("rope.scaling.original_context_length", (int) original);
        if (!Double.isNaN(rope.attentionFactor())) put("rope.scaling.yarn_attn_factor", rope.attentionFactor());
        if (rope.betaFast() != 32) put("rope.scaling.yarn_beta_fast", rope.betaFast());
        if (rope.betaSlow() != 1) put("rope.scaling.yarn_beta_slow", rope.betaSlow());
    }

    private void experts() {
        FeedForward.Moe moe = moe();
        put("expert_count", moe.experts());
        put("expert_used_count", moe.router().topK());
        put("expert_feed_forward_length", moe.intermediate());
        if (arch.equals("minimax-m2")) put("expert_gating_func", 2); // sigmoid
    }

    private void hybrid() {
        ConfigFields fields = config.fields();
        int valueHeads = fields.integer("linear_num_value_heads", 32, 1, 1 << 14);
        put("ssm.conv_kernel", fields.integer("linear_conv_kernel_dim", 4, 1, 64));
        put("ssm.state_size", fields.integer("linear_key_head_dim", 128, 1, 1 << 14));
        put("ssm.group_count", fields.integer("linear_num_key_heads", 16, 1, 1 << 14));
        put("ssm.time_step_rank", valueHeads);
        put("ssm.inner_size", valueHeads * fields.integer("linear_value_head_dim", 128, 1, 1 << 14));
        boolean[] recurrent = new boolean[spec.layers().size()];
        for (int i = 0; i < recurrent.length; i++) recurrent[i] = spec.layers().get(i).mixer() instanceof MixerSpec.Named;
        values.put(key("attention.recurrent_layers"), new GgufValue(Kind.BOOL, true, recurrent));
        put("full_attention_interval", fields.integer("full_attention_interval", 4, 1, 1 << 20));
        // Positions of text are the same in every section; llama.cpp wants them named all the same.
        int pairs = attention().rope().inverseFrequencies().length;
        values.put(key("rope.dimension_sections"), GgufValue.i32s((pairs + 2) / 3, (pairs + 1) / 3, pairs / 3, 0));
        if (!arch.equals("qwen35moe")) return;
        experts();
        put("expert_shared_feed_forward_length", moe().sharedIntermediate());
    }

    private void gemma() {
        boolean[] sliding = new boolean[spec.layers().size()];
        int window = 0;
        for (int i = 0; i < sliding.length; i++) {
            MixerSpec.Attention a = (MixerSpec.Attention) spec.layers().get(i).mixer();
            sliding[i] = a.window() > 0;
            window = Math.max(window, a.window());
        }
        if (window > 0) put("attention.sliding_window", window);
        int period = arch.equals("gemma2") ? 2 : 6;
        boolean[] usual = new boolean[sliding.length];
        for (int i = 0; i < usual.length; i++) usual[i] = (i + 1) % period != 0;
        if (window > 0 && !Arrays.equals(sliding, usual)) {
            values.put(key("attention.sliding_window_pattern"), new GgufValue(Kind.BOOL, true, sliding));
        }
        if (arch.equals("gemma3")) put("rope.freq_base_swa", config.rope("sliding_attention").theta());
        if (spec.head().softcap() > 0) put("final_logit_softcapping", spec.head().softcap());
        if (attention().options().softcap() > 0) put("attn_logit_softcapping", attention().options().softcap());
    }

    /// Sizes by layer or by kind of layer; the last layer always attends to everything.
    private void gemma4() {
        int layers = spec.layers().size();
        boolean[] sliding = new boolean[layers];
        int[] keys = new int[layers];
        int[] widths = new int[layers];
        int shared = 0;
        MixerSpec.Attention full = (MixerSpec.Attention) spec.layers().getLast().mixer();
        MixerSpec.Attention local = full;
        for (LayerSpec layer : spec.layers()) {
            MixerSpec.Attention a = (MixerSpec.Attention) layer.mixer();
            sliding[layer.index()] = a.window() > 0;
            if (a.window() > 0) local = a;
            keys[layer.index()] = a.kvHeads();
            if (a.options().sharedLayer() >= 0) shared++;
            FeedForward.Gated dense = layer.ffn() instanceof FeedForward.DensePlusMoe both ? both.dense() : (FeedForward.Gated) layer.ffn();
            widths[layer.index()] = dense.intermediate();
            if (layer.ffn() instanceof FeedForward.DensePlusMoe both && layer.index() == 0) {
                put("expert_count", both.moe().experts());
                put("expert_used_count", both.moe().router().topK());
                put("expert_feed_forward_length", both.moe().intermediate());
            }
        }
        values.put(key("attention.head_count_kv"), GgufValue.i32s(keys));
        if (Arrays.stream(widths).distinct().count() > 1) values.put(key("feed_forward_length"), GgufValue.i32s(widths));
        put("attention.key_length", full.headDim());
        put("attention.value_length", full.headDim());
        put("attention.key_length_swa", local.headDim());
        put("attention.value_length_swa", local.headDim());
        put("rope.dimension_count", full.headDim());
        put("rope.dimension_count_swa", local.headDim());
        put("rope.freq_base_swa", config.rope("sliding_attention").theta());
        put("attention.sliding_window", local.window() > 0 ? local.window() : config.maxPositions());
        values.put(key("attention.sliding_window_pattern"), new GgufValue(Kind.BOOL, true, sliding));
        put("attention.shared_kv_layers", shared);
        put("embedding_length_per_layer_input", spec.layers().getFirst().perLayerInput());
        if (spec.head().softcap() > 0) put("final_logit_softcapping", spec.head().softcap());
    }

    private String key(String name) {
        return arch + "." + name;
    }

    private void put(String name, int value) {
        values.put(key(name), GgufValue.u32(value));
    }

    private void put(String name, double value) {
        values.put(key(name), GgufValue.f32((float) value));
    }
}
