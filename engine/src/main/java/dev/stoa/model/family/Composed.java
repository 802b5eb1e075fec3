// SPDX-License-Identifier: Apache-2.0
package dev.stoa.model.family;

import dev.stoa.EngineFault;
import dev.stoa.Fault;
import dev.stoa.model.ConfigFields;
import dev.stoa.model.ConfigReader;
import dev.stoa.model.FeedForward;
import dev.stoa.model.LayerSpec;
import dev.stoa.model.LayerSpec.Residual;
import dev.stoa.model.Layout;
import dev.stoa.model.ModelConfig;
import dev.stoa.model.ModelSpec;
import dev.stoa.model.TensorDirectory;
import dev.stoa.nn.NormSpec;
import dev.stoa.nn.RopeSpec;
import dev.stoa.nn.mixer.MixerConfig;
import dev.stoa.nn.mixer.MixerRegistry;
import dev.stoa.nn.mixer.MixerSpec;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ObjectNode;

/// Models composed of registered mixers: `model_type` composed or hybrid with one kind per layer in `layer_types`, or a kind
/// itself for all layers. Each kind may have a sub-object with settings of its own. Where a layer's mixer keeps its tensors
/// is found from their names.
final class Composed implements Family {
    private static final Set<String> NAMES = Set.of("composed", "hybrid");
    /// Short names of the common sizes.
    private static final Map<String, String> SHORT = Map.of("hidden", "hidden_size", "heads", "num_attention_heads", "kv_heads", "num_key_value_heads",
            "intermediate", "intermediate_size", "norm_eps", "rms_norm_eps", "layers", "num_hidden_layers", "vocab", "vocab_size");

    /// Whether configs of this type are composed models.
    static boolean matches(String modelType) {
        return NAMES.contains(modelType) || MixerRegistry.installed().kinds().containsKey(modelType);
    }

    /// The config with the common sizes under their usual names.
    static JsonNode spelledOut(JsonNode config) {
        ObjectNode copy = ((ObjectNode) config).deepCopy();
        SHORT.forEach((brief, full) -> {
            if (!copy.has(brief)) return;
            if (copy.has(full) && !copy.get(full).equals(copy.get(brief))) {
                throw Fault.of(EngineFault.CONFIG_INVALID, "ambiguous config: %s and %s differ", brief, full).exception();
            }
            copy.set(full, copy.remove(brief));
        });
        JsonNode types = copy.get("layer_types");
        if (!copy.has("num_hidden_layers") && types != null && types.isArray()) copy.put("num_hidden_layers", types.size());
        return copy;
    }

    @Override
    public Set<String> keys() {
        Set<String> keys = new TreeSet<>(MixerRegistry.installed().kinds().keySet());
        keys.addAll(List.of("ffn", "embed_scale", "rope_theta"));
        return keys;
    }

    @Override
    public ModelSpec translate(ModelConfig config, TensorDirectory files) {
        Translation t = Translation.of(config, files, 0);
        ConfigFields fields = t.fields();
        boolean uniform = !NAMES.contains(config.modelType());
        if (uniform == !config.layerTypes().isEmpty()) {
            throw Fault.of(EngineFault.CONFIG_INVALID, "ambiguous config: %s", uniform ? "a mixer kind as model_type and layer_types too"
                    : "neither layer_types nor a mixer kind as model_type").where("config.json").got("model_type " + config.modelType())
                    .expected("composed or hybrid with layer_types, or one of " + MixerRegistry.installed().kinds().keySet()).exception();
        }
        List<String> kinds = uniform ? Collections.nCopies(config.layers(), config.modelType()) : config.layerTypes();
        for (String kind : new TreeSet<>(kinds)) MixerRegistry.installed().find(kind);
        String ffn = fields.text("ffn", "swiglu");
        if (!List.of("swiglu", "none").contains(ffn)) fields.issue("ffn = " + ffn + ", expected swiglu or none");
        ConfigReader.raise(config);
        RopeSpec rope = fields.has("rope_theta") ? t.rope() : null;
        NormSpec norm = t.norm(0);
        List<LayerSpec> layers = new ArrayList<>();
        for (int i = 0; i < config.layers(); i++) {
            MixerSpec mixer = new MixerSpec.Named(kinds.get(i), config(t, kinds.get(i), rope));
            layers.add(new LayerSpec(i, mixerPath(files, i), mixer, norm, null, ffn.equals("none") ? new FeedForward.None() : t.gated(false), norm, null,
                    Residual.PRE, 0, false));
        }
        ConfigReader.raise(config);
        return t.decoder("composed", ModelSpec.Embed.scaled((float) fields.number("embed_scale", 1), false), layers, norm, 0, Layout.CANONICAL);
    }

    private static MixerConfig config(Translation t, String kind, RopeSpec rope) {
        ConfigFields own = t.fields().fields(kind);
        Map<String, Object> values = new HashMap<>();
        for (String key : own.keys()) values.put(key, own.plain(key));
        int heads = own.integer("heads", t.heads(), 1, 1 << 14);
        int kvHeads = own.integer("kv_heads", own.has("heads") ? heads : t.kvHeads(), 1, 1 << 14);
        if (heads % kvHeads != 0) t.fields().issue(kind + ": heads " + heads + " is not a multiple of kv_heads " + kvHeads);
        int dim = own.integer("head_dim", t.headDim(), 1, 1 << 14);
        RopeSpec turned = rope;
        int rotated = own.integer("qk_rope_head_dim", dim, 0, 1 << 14);
        if (rope != null && rotated > 0 && rotated % 2 == 0) turned = RopeScaling.of(t.config().rope(), rotated, t.config().maxPositions());
        return new MixerConfig(t.config().hidden(), heads, kvHeads, dim, t.config().rmsNormEps(), turned, values);
    }

    /// The module of a layer that holds its mixer: the one group of names with at least three components after the layer,
    /// apart from the feed-forward's; bare leaves when there is none.
    private static String mixerPath(TensorDirectory files, int layer) {
        String prefix = "layers." + layer + ".";
        Set<String> groups = new TreeSet<>();
        for (String name : files.shapes().keySet()) {
            if (!name.startsWith(prefix)) continue;
            String[] parts = name.substring(prefix.length()).split("\\.");
            if (parts.length >= 3 && !parts[0].equals("mlp")) groups.add(parts[0]);
        }
        if (groups.size() > 1) {
            throw Fault.of(EngineFault.TENSOR_MISMATCH, "layer %d has more than one module that could be its mixer", layer)
                    .got(groups).expected("one of them").exception();
        }
        return groups.isEmpty() ? "" : groups.iterator().next();
    }
}
