// SPDX-License-Identifier: Apache-2.0
package dev.stoa.model;

import static org.assertj.core.api.Assertions.assertThat;

import dev.stoa.adapter.AdapterSet;
import dev.stoa.format.ModelDirectory;
import dev.stoa.format.Safetensors;
import dev.stoa.format.Weights;
import dev.stoa.kernel.KernelProvider;
import dev.stoa.kernel.Kernels;
import dev.stoa.nn.NormSpec;
import dev.stoa.nn.RouterSpec;
import dev.stoa.nn.mixer.AttentionOptions;
import dev.stoa.nn.mixer.MixerConfig;
import dev.stoa.nn.mixer.MixerSpec;
import dev.stoa.tensor.Ledger;
import dev.stoa.tensor.Scope;
import dev.stoa.tensor.Tensor;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.UnaryOperator;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/// Mistakes a translation could make, planted into the spec: each must move the logits away from the reference by far
/// more than the tolerance.
class FamilyMutantTest {
    record Mutant(String model, String mistake, UnaryOperator<ModelSpec> change) {
        @Override
        public String toString() {
            return model + ": " + mistake;
        }
    }

    static List<Mutant> mutants() {
        return List.of(
                new Mutant("qwen3_5", "norm offset 0", spec -> layers(spec, layer -> with(layer, layer.mixer(), new NormSpec(layer.mixerNorm().eps(), 0), layer.ffn()))),
                new Mutant("llama", "norm offset 1", spec -> layers(spec, layer -> with(layer, layer.mixer(), new NormSpec(layer.mixerNorm().eps(), 1), layer.ffn()))),
                new Mutant("qwen3_5", "value heads tiled", FamilyMutantTest::tiled),
                new Mutant("gemma3-v4", "full layers one off", FamilyMutantTest::shiftedWindows),
                new Mutant("gemma3-v4", "embedding scale not rounded", spec -> embed(spec, spec.embedScale(), false)),
                new Mutant("gemma4-shared", "values not normed", spec -> options(spec, o -> new AttentionOptions(o.wholeWidthNorm(), o.outputGate(), o.softcap(),
                        o.keysAreValues(), false, o.sharedLayer(), o.bidirectional(), o.relativeBuckets()))),
                new Mutant("gemma2", "scores not capped", spec -> options(spec, o -> AttentionOptions.PLAIN)),
                new Mutant("minimax_m2-v4", "selection bias dropped", spec -> router(spec, r -> new RouterSpec(r.scoring(), r.topK(), r.renormalize(),
                        r.epsilon(), false, r.ownInput(), r.perExpertScale()))),
                new Mutant("minimax_m2-v4", "softmax scores", spec -> router(spec, r -> new RouterSpec(RouterSpec.Scoring.SOFTMAX, r.topK(), r.renormalize(),
                        r.epsilon(), r.selectionBias(), r.ownInput(), r.perExpertScale()))),
                new Mutant("gemma4-moe-v4", "router reads the normed input", spec -> router(spec, r -> new RouterSpec(r.scoring(), r.topK(), r.renormalize(),
                        r.epsilon(), r.selectionBias(), false, r.perExpertScale()))),
                new Mutant("qwen2-window", "window ignored", spec -> layers(spec, layer -> with(layer, window((MixerSpec.Attention) layer.mixer(), 0),
                        layer.mixerNorm(), layer.ffn()))));
    }

    private static LayerSpec with(LayerSpec layer, MixerSpec mixer, NormSpec norm, FeedForward ffn) {
        return new LayerSpec(layer.index(), layer.mixerPath(), mixer, norm, layer.mixerPostNorm(), ffn, layer.ffnNorm(), layer.ffnPostNorm(),
                layer.residual(), layer.perLayerInput(), layer.outputScale());
    }

    private static ModelSpec layers(ModelSpec spec, UnaryOperator<LayerSpec> change) {
        return new ModelSpec(spec.family(), spec.modelType(), spec.vocab(), spec.hidden(), spec.maxContext(), spec.embed(),
                spec.layers().stream().map(change).toList(), spec.finalNorm(), spec.head(), spec.layout(), spec.eosIds());
    }

    private static ModelSpec embed(ModelSpec spec, float scale, boolean rounded) {
        ModelSpec.Embed e = spec.embed();
        return new ModelSpec(spec.family(), spec.modelType(), spec.vocab(), spec.hidden(), spec.maxContext(),
                new ModelSpec.Embed(scale, rounded, e.positions(), e.firstPosition(), e.tokenTypes(), e.norm(), e.perLayerVocab()), spec.layers(),
                spec.finalNorm(), spec.head(), spec.layout(), spec.eosIds());
    }

    private static MixerSpec.Attention window(MixerSpec.Attention a, int window) {
        return new MixerSpec.Attention(a.heads(), a.kvHeads(), a.headDim(), a.scale(), a.inputBias(), a.outputBias(), a.queryKeyNorm(), a.rope(), window, a.options());
    }

    private static ModelSpec options(ModelSpec spec, UnaryOperator<AttentionOptions> change) {
        return layers(spec, layer -> {
            MixerSpec.Attention a = (MixerSpec.Attention) layer.mixer();
            return with(layer, new MixerSpec.Attention(a.heads(), a.kvHeads(), a.headDim(), a.scale(), a.inputBias(), a.outputBias(), a.queryKeyNorm(),
                    a.rope(), a.window(), change.apply(a.options())), layer.mixerNorm(), layer.ffn());
        });
    }

    private static ModelSpec router(ModelSpec spec, UnaryOperator<RouterSpec> change) {
        return layers(spec, layer -> with(layer, layer.mixer(), layer.mixerNorm(), switch (layer.ffn()) {
            case FeedForward.Moe m -> changed(m, change);
            case FeedForward.DensePlusMoe both -> new FeedForward.DensePlusMoe(both.dense(), changed(both.moe(), change), both.norm());
            case FeedForward other -> other;
        }));
    }

    private static FeedForward.Moe changed(FeedForward.Moe m, UnaryOperator<RouterSpec> change) {
        return new FeedForward.Moe(m.path(), change.apply(m.router()), m.experts(), m.intermediate(), m.function(), m.sharedIntermediate(), m.sharedGate());
    }

    private static ModelSpec tiled(ModelSpec spec) {
        return layers(spec, layer -> {
            if (!(layer.mixer() instanceof MixerSpec.Named named)) return layer;
            MixerConfig c = named.config();
            Map<String, Object> values = new HashMap<>(c.values());
            values.put("tiled_value_heads", true);
            return with(layer, new MixerSpec.Named(named.kind(), new MixerConfig(c.hidden(), c.heads(), c.kvHeads(), c.headDim(), c.eps(), c.rope(), values)),
                    layer.mixerNorm(), layer.ffn());
        });
    }

    private static ModelSpec shiftedWindows(ModelSpec spec) {
        List<MixerSpec> shifted = new ArrayList<>();
        for (int i = 0; i < spec.layers().size(); i++) shifted.add(spec.layers().get((i + 1) % spec.layers().size()).mixer());
        return layers(spec, layer -> with(layer, shifted.get(layer.index()), layer.mixerNorm(), layer.ffn()));
    }

    @ParameterizedTest
    @MethodSource("mutants")
    void isSeen(Mutant mutant) throws IOException {
        Path place = Path.of("src/test/resources/golden/families").resolve(mutant.model());
        try (Kernels kernels = KernelProvider.open("auto", 2); Scope scope = new Ledger().scope("mutants")) {
            ModelDirectory directory = ModelDirectory.openWithoutTokenizer(place, scope);
            ModelSpec right = Model.load(directory, kernels, scope).spec();
            ModelSpec wrong = mutant.change().apply(right);
            Weights expected = Safetensors.open(place.resolve("expected.safetensors"), scope);
            Map<String, Tensor> tensors = new TreeMap<>();
            for (String name : directory.weights().names()) {
                boolean unused = name.endsWith("e_score_correction_bias") && mutant.mistake().contains("selection bias") || name.endsWith("router.scale")
                        && mutant.mistake().startsWith("router");
                if (!unused) tensors.put(name, directory.weights().find(name));
            }
            Model model = Model.of(wrong, tensors, null, kernels, scope);
            float[][] logits = Runner.logits(new Decoder(model), wrong, AdapterSet.BASE, 16, LogitsGoldenTest.ids(expected));
            assertThat(LogitsGoldenTest.largestDifference(logits, expected.find("logits"))).isGreaterThan(5e-4);
        }
    }
}
