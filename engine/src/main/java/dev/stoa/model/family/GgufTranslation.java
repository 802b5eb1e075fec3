// SPDX-License-Identifier: Apache-2.0
package dev.stoa.model.family;

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
import java.util.TreeMap;
import tools.jackson.databind.node.ObjectNode;

/// From the metadata and tensors of a GGUF file to a model: the config it came from, translated by its family, then the
/// layout of the file: names, pairs of rotated channels, order of value heads, and the maps that bring adapters into it.
public final class GgufTranslation {
    private GgufTranslation() {}

    /// `shapes` are those of the file; `ropeFactors` the values of `rope_freqs.weight`, or null.
    public static ModelSpec translate(GgufMetadata metadata, Map<String, long[]> shapes, float[] ropeFactors) {
        String arch = metadata.text("general.architecture");
        List<Layout.Rename> renames = GgufNames.of(arch);
        Layout names = Layout.renamed(renames);
        Map<String, long[]> canonical = new TreeMap<>();
        shapes.forEach((name, shape) -> canonical.put(names.canonical(name), shape));
        ObjectNode config = GgufConfig.of(metadata, canonical);
        ModelSpec spec = Families.translate(config, new TensorDirectory(canonical, Container.GGUF));
        boolean llama = arch.equals("llama");
        Map<String, int[]> rows = new TreeMap<>();
        Map<String, int[]> columns = new TreeMap<>();
        List<LayerSpec> layers = new ArrayList<>();
        for (LayerSpec layer : spec.layers()) {
            MixerSpec mixer = switch (layer.mixer()) {
                case MixerSpec.Attention a -> {
                    if (llama) {
                        rows.put(layer.mixerPath("q_proj"), interleaved(a.heads(), a.headDim()));
                        rows.put(layer.mixerPath("k_proj"), interleaved(a.kvHeads(), a.headDim()));
                    }
                    yield rotated(a, llama, ropeFactors);
                }
                case MixerSpec.Named named -> {
                    tiled(layer, named.config(), rows, columns);
                    yield named;
                }
            };
            layers.add(new LayerSpec(layer.index(), layer.mixerPath(), mixer, layer.mixerNorm(), layer.mixerPostNorm(), layer.ffn(),
                    layer.ffnNorm(), layer.ffnPostNorm(), layer.residual(), layer.perLayerInput(), layer.outputScale()));
        }
        return new ModelSpec(spec.family(), spec.modelType(), spec.vocab(), spec.hidden(), spec.maxContext(), spec.embed(), layers,
                spec.finalNorm(), spec.head(), new Layout(renames, true, rows, columns), spec.eosIds());
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

    /// Row h*d + 2i + j of the file is row h*d + j*d/2 + i of the original.
    private static int[] interleaved(int heads, int dim) {
        int[] map = new int[heads * dim];
        for (int h = 0; h < heads; h++) {
            for (int i = 0; i < dim / 2; i++) {
                for (int j = 0; j < 2; j++) map[h * dim + 2 * i + j] = h * dim + j * dim / 2 + i;
            }
        }
        return map;
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
