// SPDX-License-Identifier: Apache-2.0
package dev.stoa.model.convert;

import dev.stoa.model.ConfigReader;
import dev.stoa.model.LayerSpec;
import dev.stoa.model.ModelConfig;
import dev.stoa.model.ModelConfig.RopeParameters;
import dev.stoa.model.ModelSpec;
import dev.stoa.model.family.Families;
import dev.stoa.nn.mixer.MixerSpec;
import dev.stoa.tensor.DType;
import java.util.List;
import java.util.Map;
import java.util.Set;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.JsonNodeFactory;
import tools.jackson.databind.node.ObjectNode;

/// A model's config in the one form that transformers (4 and 5), mlx-lm and this engine all read: text model only, flat,
/// rotations as `rope_theta` and `rope_scaling` (as `rope_parameters` for the families that began with it), and the values
/// that families would otherwise take from their own defaults spelled out.
final class PlainConfig {
    private static final Map<String, String> TEXT_TYPES = Map.of("gemma3", "gemma3_text", "qwen3_5", "qwen3_5_text", "qwen3_5_moe", "qwen3_5_moe_text",
            "minimax_m2_7", "minimax_m2", "gemma4", "gemma4_text", "gemma4_unified", "gemma4_text", "gemma4_unified_text", "gemma4_text");
    private static final Map<String, String> CLASSES = Map.ofEntries(Map.entry("llama", "LlamaForCausalLM"), Map.entry("qwen2", "Qwen2ForCausalLM"),
            Map.entry("qwen3", "Qwen3ForCausalLM"), Map.entry("qwen3_moe", "Qwen3MoeForCausalLM"), Map.entry("gemma2", "Gemma2ForCausalLM"),
            Map.entry("gemma3_text", "Gemma3ForCausalLM"), Map.entry("qwen3_5_text", "Qwen3_5ForCausalLM"),
            Map.entry("qwen3_5_moe_text", "Qwen3_5MoeForCausalLM"), Map.entry("gemma4_text", "Gemma4ForCausalLM"),
            Map.entry("minimax_m2", "MiniMaxM2ForCausalLM"), Map.entry("bert", "BertModel"));
    /// Keys that speak of other parts of a larger model, or that are written anew.
    private static final Set<String> DROPPED = Set.of("text_config", "vision_config", "audio_config", "architectures", "transformers_version", "torch_dtype",
            "dtype", "quantization", "quantization_config", "rope_theta", "rope_scaling", "rope_parameters", "rope_local_base_freq",
            "partial_rotary_factor", "num_local_experts", "num_experts", "hidden_activation", "hidden_act", "image_token_id", "video_token_id",
            "audio_token_id", "vision_start_token_id", "vision_end_token_id", "vision_token_id", "image_token_index", "boi_token_index",
            "eoi_token_index", "boi_token_id", "eoi_token_id", "boa_token_id", "eoa_token_id", "eoa_token_index", "mm_tokens_per_image",
            "vision_soft_tokens_per_image", "language_model_only", "_name_or_path", "_sliding_window_pattern", "mlx_lm_version");

    private final JsonNode raw;
    private final ModelSpec spec;
    private final ModelConfig read;
    private final ObjectNode plain = JsonNodeFactory.instance.objectNode();

    private PlainConfig(JsonNode raw, ModelSpec spec) {
        this.raw = raw;
        this.spec = spec;
        this.read = Families.read(raw);
    }

    /// The plain form of a parsed config; `spec` is what it was translated to, `dtype` the type of most weights.
    static ObjectNode of(JsonNode config, ModelSpec spec, DType dtype) {
        return new PlainConfig(config, spec).write(dtype);
    }

    /// Whether transformers has a class for the text model of a config.
    static boolean known(ObjectNode plain) {
        return CLASSES.containsKey(plain.get("model_type").asString());
    }

    private ObjectNode write(DType dtype) {
        JsonNode text = raw.get("text_config");
        for (String key : raw.propertyNames()) copy(key, raw.get(key));
        if (text != null && text.isObject()) for (String key : text.propertyNames()) copy(key, text.get(key));
        String type = TEXT_TYPES.getOrDefault(read.modelType(), read.modelType());
        plain.put("model_type", type);
        if (CLASSES.containsKey(type)) plain.putArray("architectures").add(CLASSES.get(type));
        plain.put("torch_dtype", dtype == DType.BF16 ? "bfloat16" : dtype == DType.F16 ? "float16" : "float32");
        plain.put(type.startsWith("gemma") ? "hidden_activation" : "hidden_act", read.hiddenAct());
        plain.put("tie_word_embeddings", spec.head() == null || spec.tiedHead());
        plain.put("max_position_embeddings", read.maxPositions());
        if (!type.equals("bert")) plain.put("rms_norm_eps", shortest(read.rmsNormEps()));
        if (!read.eosIds().isEmpty() && read.eosIds().size() == 1) plain.put("eos_token_id", read.eosIds().getFirst());
        attention(type);
        experts(type);
        if (type.startsWith("qwen3_5")) parameters();
        else if (!type.equals("bert") && !type.startsWith("gemma4")) ropes(type);
        else if (type.startsWith("gemma4") && value("rope_parameters").isObject()) plain.set("rope_parameters", value("rope_parameters").deepCopy());
        return plain;
    }

    private void copy(String key, JsonNode value) {
        if (!DROPPED.contains(key) && !(key.equals("eos_token_id") && value.isNull())) plain.set(key, value.deepCopy());
    }

    private JsonNode value(String key) {
        JsonNode text = raw.get("text_config");
        JsonNode inner = text == null ? null : text.get(key);
        return inner == null || inner.isNull() ? raw.path(key) : inner;
    }

    private void attention(String type) {
        if (type.startsWith("gemma4")) return;
        for (LayerSpec layer : spec.layers()) {
            if (!(layer.mixer() instanceof MixerSpec.Attention a)) continue;
            plain.put("num_key_value_heads", a.kvHeads());
            if (!type.equals("bert")) plain.put("head_dim", a.headDim());
            break;
        }
        if (!type.startsWith("gemma")) return;
        // Keys that hold a number only when the family's own default is another one.
        if (!plain.hasNonNull("query_pre_attn_scalar")) plain.put("query_pre_attn_scalar", 256);
        ArrayNode types = plain.putArray("layer_types");
        for (LayerSpec layer : spec.layers()) types.add(((MixerSpec.Attention) layer.mixer()).window() > 0 ? "sliding_attention" : "full_attention");
        if (read.slidingWindow() == 0) plain.put("sliding_window", 4096);
        int period = period(spec);
        if (period > 0) plain.put("sliding_window_pattern", period);
        else plain.remove("sliding_window_pattern");
        if (spec.head().softcap() == 0) plain.putNull("final_logit_softcapping");
        else plain.put("final_logit_softcapping", shortest(spec.head().softcap()));
        float cap = ((MixerSpec.Attention) spec.layers().getFirst().mixer()).options().softcap();
        if (cap == 0) plain.putNull("attn_logit_softcapping");
        else plain.put("attn_logit_softcapping", shortest(cap));
    }

    /// p, if exactly every p-th layer sees everything; 0 when no number says which layers do.
    static int period(ModelSpec spec) {
        int layers = spec.layers().size();
        for (int p = 1; p <= layers + 1; p++) {
            boolean fits = true;
            for (LayerSpec layer : spec.layers()) {
                boolean full = layer.mixer() instanceof MixerSpec.Attention a && a.window() == 0;
                fits &= full == ((layer.index() + 1) % p == 0);
            }
            if (fits) return p;
        }
        return 0;
    }

    private void experts(String type) {
        JsonNode count = value("num_local_experts").isNumber() ? value("num_local_experts") : value("num_experts");
        if (count.isNumber()) plain.put(type.equals("minimax_m2") ? "num_local_experts" : "num_experts", count.asInt());
        if (type.equals("qwen3_moe")) {
            if (!plain.hasNonNull("mlp_only_layers")) plain.putArray("mlp_only_layers");
            plain.put("decoder_sparse_step", read.fields().integer("decoder_sparse_step", 1, 1, 1 << 20));
            plain.put("norm_topk_prob", read.fields().flag("norm_topk_prob", false));
            if (!plain.hasNonNull("intermediate_size")) plain.set("intermediate_size", plain.get("moe_intermediate_size"));
        }
        if (type.equals("minimax_m2")) {
            MixerSpec.Attention a = (MixerSpec.Attention) spec.layers().getFirst().mixer();
            plain.put("rotary_dim", 2 * a.rope().inverseFrequencies().length);
            plain.put("shared_intermediate_size", 0);
        }
    }

    private void ropes(String type) {
        plain.put("rope_theta", read.rope("full_attention").theta());
        if (type.equals("gemma3_text")) plain.put("rope_local_base_freq", read.rope("sliding_attention").theta());
        RopeParameters rope = read.rope("full_attention");
        if (rope.type().equals("default")) plain.putNull("rope_scaling");
        else plain.set("rope_scaling", scaling(rope));
    }

    private static ObjectNode scaling(RopeParameters rope) {
        ObjectNode node = JsonNodeFactory.instance.objectNode();
        node.put("rope_type", rope.type()).put("factor", rope.factor());
        if (!Double.isNaN(rope.originalMaxPositions())) node.put("original_max_position_embeddings", (int) rope.originalMaxPositions());
        if (rope.type().equals("llama3")) node.put("low_freq_factor", rope.lowFreqFactor()).put("high_freq_factor", rope.highFreqFactor());
        if (!rope.type().equals("yarn")) return node;
        node.put("beta_fast", rope.betaFast()).put("beta_slow", rope.betaSlow());
        if (!Double.isNaN(rope.attentionFactor())) node.put("attention_factor", rope.attentionFactor());
        if (!Double.isNaN(rope.mscale())) node.put("mscale", rope.mscale());
        if (!Double.isNaN(rope.mscaleAllDim())) node.put("mscale_all_dim", rope.mscaleAllDim());
        if (!rope.truncate()) node.put("truncate", false);
        return node;
    }

    /// Families that know only the newer spelling.
    private void parameters() {
        MixerSpec.Attention attention = null;
        for (LayerSpec layer : spec.layers()) if (layer.mixer() instanceof MixerSpec.Attention a) attention = a;
        int pairs = attention == null ? 32 : attention.rope().inverseFrequencies().length;
        ObjectNode rope = plain.putObject("rope_parameters");
        rope.put("rope_type", read.rope().type()).put("rope_theta", read.rope().theta());
        if (attention != null) rope.put("partial_rotary_factor", 2.0 * pairs / attention.headDim());
        JsonNode sections = value("rope_parameters").path("mrope_section");
        if (sections.isMissingNode()) sections = value("rope_scaling").path("mrope_section");
        if (sections.isArray()) rope.set("mrope_section", sections.deepCopy());
        else rope.putArray("mrope_section").add((pairs + 2) / 3).add((pairs + 1) / 3).add(pairs / 3);
        rope.put("mrope_interleaved", true);
        if (plain.hasNonNull("layer_types")) return;
        ArrayNode types = plain.putArray("layer_types");
        for (LayerSpec layer : spec.layers()) types.add(layer.mixer() instanceof MixerSpec.Named ? "linear_attention" : "full_attention");
    }

    /// The decimal a config would have for a value kept as binary32.
    private static double shortest(float value) {
        return Double.parseDouble(Float.toString(value));
    }

    /// Ids under a key, one or several.
    static List<Integer> ids(JsonNode config, String key) {
        JsonNode text = config.path("text_config").path(key);
        JsonNode node = text.isMissingNode() || text.isNull() ? config.path(key) : text;
        List<Integer> ids = node.isMissingNode() || node.isNull() ? List.of() : ConfigReader.readIds(node);
        return ids == null ? List.of() : ids;
    }
}
