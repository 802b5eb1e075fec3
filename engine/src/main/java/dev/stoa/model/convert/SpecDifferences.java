// SPDX-License-Identifier: Apache-2.0
package dev.stoa.model.convert;

import dev.stoa.model.FeedForward;
import dev.stoa.model.LayerSpec;
import dev.stoa.model.ModelSpec;
import dev.stoa.nn.NormSpec;
import dev.stoa.nn.RopeSpec;
import dev.stoa.nn.mixer.MixerConfig;
import dev.stoa.nn.mixer.MixerSpec;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.TreeMap;

/// What a model would compute differently after it went through another layout: the spec it had beside the one a reader of
/// the written files gets. Layout itself does not count (names, folded norms, the order of rows, which pairs rotate).
final class SpecDifferences {
    /// Frequencies go through binary32 in GGUF (as theta and as factors).
    private static final double FREQUENCY_ERROR = 2e-6;
    private static final int SHOWN = 20;
    private final List<String> reasons = new ArrayList<>();

    private SpecDifferences() {}

    /// Reasons, each with what there was and what is left of it; empty when nothing is lost.
    static List<String> of(ModelSpec source, ModelSpec target) {
        SpecDifferences all = new SpecDifferences();
        all.compare("vocabulary", source.vocab(), target.vocab());
        all.compare("hidden size", source.hidden(), target.hidden());
        all.compare("layers", source.layers().size(), target.layers().size());
        all.compare("tied head", source.tiedHead(), target.tiedHead());
        all.compare("cap of the logits", source.head() == null ? 0f : source.head().softcap(), target.head() == null ? 0f : target.head().softcap());
        all.compare("factor on the embedding", source.embed().scale(), target.embed().scale());
        all.compare("positions", source.embed().positions(), target.embed().positions());
        all.compare("token types", source.embed().tokenTypes(), target.embed().tokenTypes());
        all.compare("per-layer vocabulary", source.embed().perLayerVocab(), target.embed().perLayerVocab());
        all.compare("norm of the embedding", plain(source.embed().norm()), plain(target.embed().norm()));
        all.compare("last norm", plain(source.finalNorm()), plain(target.finalNorm()));
        for (int i = 0; i < Math.min(source.layers().size(), target.layers().size()); i++) all.layer(source.layers().get(i), target.layers().get(i));
        List<String> reasons = all.reasons;
        return reasons.size() <= SHOWN ? reasons : reasons.subList(0, SHOWN);
    }

    private void layer(LayerSpec a, LayerSpec b) {
        String layer = "layer " + a.index() + ": ";
        compare(layer + "norms", norms(a), norms(b));
        compare(layer + "residual", a.residual(), b.residual());
        compare(layer + "per-layer input", a.perLayerInput(), b.perLayerInput());
        compare(layer + "feed-forward", plain(a.ffn()), plain(b.ffn()));
        if (a.mixer() instanceof MixerSpec.Attention p && b.mixer() instanceof MixerSpec.Attention q) {
            compare(layer + "heads", p.heads() + "/" + p.kvHeads() + " of " + p.headDim(), q.heads() + "/" + q.kvHeads() + " of " + q.headDim());
            close(layer + "attention scale", p.scale(), q.scale());
            compare(layer + "biases of q, k, v", p.inputBias(), q.inputBias());
            compare(layer + "bias of the output", p.outputBias(), q.outputBias());
            compare(layer + "norm of queries and keys", plain(p.queryKeyNorm()), plain(q.queryKeyNorm()));
            compare(layer + "window", p.window(), q.window());
            compare(layer + "options of attention", p.options(), q.options());
            rope(layer, p.rope(), q.rope());
        } else if (a.mixer() instanceof MixerSpec.Named p && b.mixer() instanceof MixerSpec.Named q) {
            compare(layer + "mixer", p.kind() + " " + plain(p.config()), q.kind() + " " + plain(q.config()));
        } else {
            compare(layer + "mixer", a.mixer().getClass().getSimpleName(), b.mixer().getClass().getSimpleName());
        }
    }

    private void rope(String layer, RopeSpec a, RopeSpec b) {
        if (a == null || b == null) {
            compare(layer + "rotation", a != null, b != null);
            return;
        }
        close(layer + "magnitude of the rotation", a.magnitude(), b.magnitude());
        double[] p = a.inverseFrequencies();
        double[] q = b.inverseFrequencies();
        compare(layer + "rotated pairs", p.length, q.length);
        for (int i = 0; i < Math.min(p.length, q.length); i++) {
            if (Math.abs(p[i] - q[i]) <= FREQUENCY_ERROR * Math.max(p[i], q[i])) continue;
            reasons.add(layer + "frequency of pair " + i + ": " + p[i] + " would become " + q[i]);
            return;
        }
    }

    private void close(String what, double a, double b) {
        if (Math.abs(a - b) > 1e-6 * Math.max(Math.abs(a), Math.abs(b))) reasons.add(what + ": " + a + " would become " + b);
    }

    private void compare(String what, Object a, Object b) {
        if (!Objects.equals(a, b)) reasons.add(what + ": " + a + " would become " + b);
    }

    private static String norms(LayerSpec layer) {
        return plain(layer.mixerNorm()) + " " + plain(layer.mixerPostNorm()) + " " + plain(layer.ffnNorm()) + " " + plain(layer.ffnPostNorm());
    }

    private static String plain(NormSpec norm) {
        return norm == null ? "none" : norm.kind() + " eps " + norm.eps();
    }

    private static Object plain(FeedForward ffn) {
        return ffn instanceof FeedForward.DensePlusMoe both ? List.of(both.dense(), both.moe(), plain(both.norm())) : ffn;
    }

    private static String plain(MixerConfig config) {
        Map<String, Object> values = new TreeMap<>(config.values());
        values.remove("tiled_value_heads");
        return "%d heads over %d of %d, eps %s, %s".formatted(config.heads(), config.kvHeads(), config.headDim(), config.eps(), values);
    }
}
