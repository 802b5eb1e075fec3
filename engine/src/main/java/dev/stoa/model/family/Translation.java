// SPDX-License-Identifier: Apache-2.0
package dev.stoa.model.family;

import dev.stoa.model.ConfigFields;
import dev.stoa.model.FeedForward;
import dev.stoa.model.LayerSpec;
import dev.stoa.model.Layout;
import dev.stoa.model.ModelConfig;
import dev.stoa.model.ModelSpec;
import dev.stoa.model.TensorDirectory;
import dev.stoa.nn.NormSpec;
import dev.stoa.nn.Nonlinearity;
import dev.stoa.nn.RopeSpec;
import java.util.List;

/// What the translation of one config has in common across families: sizes with their defaults, checks, and the frame of
/// a decoder. Problems are noted in the config's fields and raised together.
record Translation(ModelConfig config, TensorDirectory files, int heads, int kvHeads, int headDim, Nonlinearity function) {
    private static final int MOST_EXPERTS = 1 << 14;

    /// `defaultHeadDim` 0 means hidden / heads.
    static Translation of(ModelConfig config, TensorDirectory files, int defaultHeadDim) {
        ConfigFields fields = config.fields();
        int heads = config.heads();
        int kvHeads = config.kvHeads() > 0 ? config.kvHeads() : heads;
        int headDim = config.headDim() > 0 ? config.headDim() : defaultHeadDim > 0 ? defaultHeadDim : config.hidden() / heads;
        if (config.headDim() == 0 && defaultHeadDim == 0 && config.hidden() % heads != 0) {
            fields.issue("hidden_size " + config.hidden() + " is not a multiple of num_attention_heads " + heads);
        }
        if (heads % kvHeads != 0) fields.issue("num_attention_heads " + heads + " is not a multiple of num_key_value_heads " + kvHeads);
        if (headDim % 2 != 0) fields.issue("head_dim " + headDim + " is odd");
        Nonlinearity function = Nonlinearity.of(config.hiddenAct());
        if (function == null) fields.issue("hidden_act " + config.hiddenAct() + " is not supported");
        return new Translation(config, files, heads, kvHeads, headDim, function == null ? Nonlinearity.SILU : function);
    }

    ConfigFields fields() {
        return config.fields();
    }

    void expectAct(String... names) {
        if (!List.of(names).contains(config.hiddenAct())) {
            fields().issue("hidden_act " + config.hiddenAct() + ", expected " + String.join(" or ", names));
        }
    }

    float scale() {
        return (float) (1 / Math.sqrt(headDim));
    }

    NormSpec norm(float offset) {
        return new NormSpec(config.rmsNormEps(), offset);
    }

    RopeSpec rope() {
        return RopeScaling.of(config.rope(), headDim, config.maxPositions());
    }

    FeedForward.Gated gated(boolean bias) {
        return gated(config.intermediate(), bias);
    }

    FeedForward.Gated gated(int intermediate, boolean bias) {
        if (intermediate == 0) fields().issue("intermediate_size is missing");
        return new FeedForward.Gated(intermediate, bias, function);
    }

    /// The number of experts under whichever name the dialect has, -1 as fallback when there must be one.
    int experts(int fallback) {
        int count = fields().has("num_local_experts")
                ? fields().integer("num_local_experts", fallback, 1, MOST_EXPERTS) : fields().integer("num_experts", fallback, 1, MOST_EXPERTS);
        if (fields().has("num_experts") && count != fields().integer("num_experts", fallback, 1, MOST_EXPERTS)) {
            fields().issue("num_experts contradicts num_local_experts");
        }
        return count;
    }

    /// A count of chosen experts, at most `experts`.
    int topK(String key, int fallback, int experts) {
        return fields().integer(key, fallback, 1, experts);
    }

    /// Types of all layers as the config lists them, each one of `known`.
    List<String> layerTypes(List<String> fallback, String... known) {
        List<String> types = config.layerTypes().isEmpty() ? fallback : config.layerTypes();
        for (String type : types) if (!List.of(known).contains(type)) fields().issue("layer_types has " + type + ", expected " + List.of(known));
        return types;
    }

    /// A decoder with an RMS norm before its head, tied exactly when the files hold no head.
    ModelSpec decoder(String family, ModelSpec.Embed embed, List<LayerSpec> layers, NormSpec norm, float softcap, Layout layout) {
        return new ModelSpec(family, config.modelType(), config.vocab(), config.hidden(), config.maxPositions(), embed, layers, norm,
                new ModelSpec.Head(!files.hasHead(), softcap), layout, config.eosIds());
    }

    ModelSpec decoder(String family, List<LayerSpec> layers, NormSpec norm) {
        return decoder(family, ModelSpec.Embed.scaled(1, false), layers, norm, 0, Layout.CANONICAL);
    }
}
