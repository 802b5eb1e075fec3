// SPDX-License-Identifier: Apache-2.0
package dev.stoa.model.family;

import dev.stoa.adapter.GgufNames;
import dev.stoa.format.GgufMetadata;
import dev.stoa.model.LayerSpec;
import dev.stoa.model.Layout;
import dev.stoa.model.ModelSpec;
import dev.stoa.model.TensorDirectory;
import dev.stoa.model.TensorDirectory.Container;
import dev.stoa.nn.RopeSpec;
import dev.stoa.nn.RopeSpec.Pairing;
import dev.stoa.nn.mixer.MixerConfig;
import dev.stoa.nn.mixer.MixerSpec;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import tools.jackson.databind.node.ObjectNode;

/// From the metadata and tensors of a GGUF file to a model: the config it came from, translated by its family, then the
/// layout of the file: names, pairs of rotated channels, order of value heads, and the maps that bring adapters into it.
public final class GgufTranslation {
    private GgufTranslation() {}

    /// `shapes` are those of the file; `ropeFactors` the values of `rope_freqs.weight`, or null.
    public static ModelSpec translate(GgufMetadata metadata, Map<String, long[]> shapes, float[] ropeFactors) {
        String arch = metadata.text("general.architecture");
        List<Layout.Rename> renames = GgufTensorNames.of(arch);
        Layout names = Layout.renamed(renames);
        Map<String, long[]> canonical = new TreeMap<>();
        shapes.forEach((name, shape) -> canonical.put(names.canonical(name), shape));
        ObjectNode config = GgufConfig.of(metadata, canonical);
        ModelSpec spec = Families.translate(config, new TensorDirectory(canonical, Container.GGUF));
        boolean llama = arch.equals("llama");
        Map<String, int[]> rows = new TreeMap<>();
        Map<String, int[]> columns = new TreeMap<>();
        orders(spec, llama, rows, columns);
        List<LayerSpec> layers = new ArrayList<>();
        for (LayerSpec layer : spec.layers()) {
            MixerSpec mixer = switch (layer.mixer()) {
                case MixerSpec.Attention a -> rotated(a, llama, ropeFactors);
                case MixerSpec.Named named -> named;
            };
            layers.add(new LayerSpec(layer.index(), layer.mixerPath(), mixer, layer.mixerNorm(), layer.mixerPostNorm(), layer.ffn(),
                    layer.ffnNorm(), layer.ffnPostNorm(), layer.residual(), layer.perLayerInput(), layer.outputScale()));
        }
        return new ModelSpec(spec.family(), spec.modelType(), spec.vocab(), spec.hidden(), spec.maxContext(), spec.embed(), layers,
                spec.finalNorm(), spec.head(), new Layout(renames, true, rows, columns), spec.eosIds());
    }

    /// The config of Hugging Face that a GGUF file stands for. Llama 3's scaling, which files hold as factors only, is found
    /// again from them; factors of another kind stay unsaid, and the caller finds that the rotations differ.
    public static ObjectNode config(GgufMetadata metadata, Map<String, long[]> shapes, float[] ropeFactors) {
        Layout names = Layout.renamed(GgufTensorNames.of(metadata.text("general.architecture")));
        Map<String, long[]> canonical = new TreeMap<>();
        shapes.forEach((name, shape) -> canonical.put(names.canonical(name), shape));
        ObjectNode config = GgufConfig.of(metadata, canonical);
        if (metadata.has("tokenizer.ggml.bos_token_id")) config.put("bos_token_id", metadata.integer("tokenizer.ggml.bos_token_id"));
        if (ropeFactors != null && !config.has("rope_scaling") && !config.has("rope_parameters")) {
            ObjectNode scaling = Llama3Factors.scaling(ropeFactors, config.get("rope_theta").asDouble());
            if (scaling != null) config.set("rope_scaling", scaling);
        }
        if (ropeFactors != null && config.path("model_type").asString("").equals("gemma4_text")) proportional(config, ropeFactors);
        return config;
    }

    /// Full layers of Gemma 4 rotate their first pairs only: as many as the factors leave alone.
    private static void proportional(ObjectNode config, float[] factors) {
        int rotated = 0;
        while (rotated < factors.length && factors[rotated] == 1) rotated++;
        for (int i = rotated; i < factors.length; i++) if (factors[i] <= 1e20f) return;
        ((ObjectNode) config.path("rope_parameters").path("full_attention")).put("rope_type", "proportional")
                .put("partial_rotary_factor", (double) rotated / factors.length);
    }

    /// The name under which files of an architecture hold a canonical tensor, or null; experts are stacked, without number.
    public static String fileName(String architecture, String canonical) {
        return GgufTensorNames.written(architecture, canonical);
    }

    /// What GGUF adapters for a base of this family call its matrices and how they order rows and columns, whatever file
    /// the base itself came from; null for families without a GGUF architecture. `modules` are the base's linear layers.
    public static GgufNames adapterNames(ModelSpec spec, Set<String> modules) {
        String arch = GgufConfig.architecture(spec);
        if (arch == null) return null;
        Map<String, int[]> rows = new TreeMap<>();
        Map<String, int[]> columns = new TreeMap<>();
        orders(spec, arch.equals("llama"), rows, columns);
        return new GgufNames(arch, GgufTensorNames.modules(arch, spec.layers().size(), modules), rows, columns);
    }

    /// The permutations that llama.cpp's converter applies.
    private static void orders(ModelSpec spec, boolean llama, Map<String, int[]> rows, Map<String, int[]> columns) {
        for (LayerSpec layer : spec.layers()) {
            switch (layer.mixer()) {
                case MixerSpec.Attention a when llama -> {
                    rows.put(layer.mixerPath("q_proj"), GgufNames.interleavedHalves(a.heads(), a.headDim()));
                    rows.put(layer.mixerPath("k_proj"), GgufNames.interleavedHalves(a.kvHeads(), a.headDim()));
                }
                case MixerSpec.Attention ignored -> { }
                case MixerSpec.Named named when named.kind().equals("gated_deltanet") -> tiled(layer, named.config(), rows, columns);
                case MixerSpec.Named ignored -> { }
            }
        }
    }

    /// Frequencies are divided by the file's factors; only layers that see everything have them in Gemma 4.
    private static MixerSpec rotated(MixerSpec.Attention a, boolean llama, float[] factors) {
        RopeSpec rope = a.rope();
        if (rope == null) return a;
        double[] frequencies = rope.inverseFrequencies();
        if (factors != null && factors.length == frequencies.length && a.window() == 0) {
            for (int i = 0; i < frequencies.length; i++) frequencies[i] = factors[i] > 1e20f ? 0 : frequencies[i] / factors[i];
        }
        RopeSpec stored = new RopeSpec(frequencies, rope.magnitude(), llama ? Pairing.INTERLEAVED : rope.pairing());
        return new MixerSpec.Attention(a.heads(), a.kvHeads(), a.headDim(), a.scale(), a.inputBias(), a.outputBias(), a.queryKeyNorm(),
                stored, a.window(), a.options());
    }

    /// Value head r*Hk + k of the file is head k*(Hv/Hk) + r of the original, wherever value heads have rows or columns.
    private static void tiled(LayerSpec layer, MixerConfig config, Map<String, int[]> rows, Map<String, int[]> columns) {
        int keyHeads = config.kvHeads();
        int share = config.heads() / keyHeads;
        if (share == 1) return;
        int dim = config.integer("value_head_dim", config.headDim(), 1);
        int before = 2 * keyHeads * config.headDim();
        int[] values = tiled(keyHeads, share, dim, 0);
        rows.put(layer.mixerPath("in_proj_qkv"), tiled(keyHeads, share, dim, before));
        rows.put(layer.mixerPath("in_proj_z"), values);
        rows.put(layer.mixerPath("in_proj_a"), tiled(keyHeads, share, 1, 0));
        rows.put(layer.mixerPath("in_proj_b"), tiled(keyHeads, share, 1, 0));
        rows.put(layer.mixerPath("A_log"), tiled(keyHeads, share, 1, 0));
        rows.put(layer.mixerPath("dt_bias"), tiled(keyHeads, share, 1, 0));
        rows.put(layer.mixerPath("conv1d"), tiled(keyHeads, share, dim, before));
        columns.put(layer.mixerPath("out_proj"), values);
    }

    /// The map over `before` rows that stay, then heads of `dim` rows.
    private static int[] tiled(int keyHeads, int share, int dim, int before) {
        int[] map = new int[before + keyHeads * share * dim];
        for (int i = 0; i < before; i++) map[i] = i;
        for (int r = 0; r < share; r++) {
            for (int k = 0; k < keyHeads; k++) {
                for (int x = 0; x < dim; x++) map[before + (r * keyHeads + k) * dim + x] = before + (k * share + r) * dim + x;
            }
        }
        return map;
    }
}
