// SPDX-License-Identifier: Apache-2.0
package dev.stoa.gate;

import static org.assertj.core.api.Assertions.assertThat;

import dev.stoa.adapter.Adapter;
import dev.stoa.adapter.AdapterHash;
import dev.stoa.adapter.AdapterSet;
import dev.stoa.adapter.Delta;
import dev.stoa.adapter.PeftWriter;
import dev.stoa.adapter.TargetId;
import dev.stoa.generate.Compose;
import dev.stoa.generate.Context;
import dev.stoa.generate.Engine;
import dev.stoa.generate.GenerateConfig;
import dev.stoa.generate.GenerateRequest;
import dev.stoa.generate.Generator;
import dev.stoa.generate.LoadConfig;
import dev.stoa.kernel.KernelProvider;
import dev.stoa.kernel.Kernels;
import dev.stoa.library.Library;
import dev.stoa.library.Manifest;
import dev.stoa.model.Model;
import dev.stoa.model.ModelSpec;
import dev.stoa.model.TensorPlan;
import dev.stoa.model.family.Families;
import dev.stoa.tensor.Ledger;
import dev.stoa.tensor.Scope;
import dev.stoa.tensor.Tensor;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.SplittableRandom;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.json.JsonMapper;

/// The road of an expert in small: written as PEFT, kept in the library, mounted by the engine; and what single runs
/// predict for several experts at once is what the engine then generates.
class CompositionEngineTest {
    private static final String CONFIG = """
            {"model_type":"llama","vocab_size":41,"hidden_size":32,"intermediate_size":48,"num_hidden_layers":2,
             "num_attention_heads":4,"num_key_value_heads":2,"max_position_embeddings":64,"rms_norm_eps":1e-5,
             "rope_theta":10000.0,"tie_word_embeddings":true,"eos_token_id":2}""";
    private static final String HASH = "b".repeat(64);
    private static final int LENGTH = 3;

    @TempDir
    Path directory;

    private static Map<String, Tensor> tensors(ModelSpec spec) {
        SplittableRandom random = new SplittableRandom(1);
        Map<String, Tensor> tensors = new LinkedHashMap<>();
        for (TensorPlan.Binding binding : TensorPlan.of(spec)) {
            float[] values = new float[(int) Tensor.elements(binding.shape())];
            double deviation = binding.role() == TensorPlan.Role.LINEAR ? 1 / Math.sqrt(binding.shape()[1]) : .3;
            for (int i = 0; i < values.length; i++) {
                values[i] = (float) (random.nextGaussian() * deviation + (binding.name()
                        .endsWith("norm.weight") ? 1 : 0));
            }
            tensors.put(binding.name(), Tensor.of(values, binding.shape()));
        }
        return tensors;
    }

    private static Adapter adapter(Model model, long seed) {
        SplittableRandom random = new SplittableRandom(seed);
        TreeMap<TargetId, Delta> entries = new TreeMap<>();
        model.linearShapes().forEach((path, shape) -> {
            if (path.equals("lm_head")) return;
            float[] a = new float[2 * (int) shape[1]];
            float[] b = new float[2 * (int) shape[0]];
            for (int i = 0; i < a.length; i++) a[i] = (float) (random.nextGaussian() * .2);
            for (int i = 0; i < b.length; i++) b[i] = (float) (random.nextGaussian() * .2);
            entries.put(TargetId.ofPath(path), new Delta.LowRank(Tensor.of(a, 2, shape[1]), Tensor.of(b, shape[0], 2),
                    1));
        });
        return new Adapter(AdapterHash.of(entries), HASH, entries);
    }

    @Test
    void whatSingleRunsPredictIsWhatTheEngineGenerates() throws Exception {
        Ledger ledger = new Ledger();
        try (Scope scope = ledger.scope("test"); Kernels kernels = KernelProvider.open("scalar", 1)) {
            ModelSpec spec = Families.translate(JsonMapper.shared().readTree(CONFIG), Set.of());
            Model model = Model.of(spec, tensors(spec), HASH, kernels, scope);
            try (Engine engine = Engine.of(model, null, LoadConfig.of(null), ledger);
                    Library library = Library.open(directory.resolve("library"))) {
                List<Adapter> experts = new ArrayList<>();
                for (int e = 0; e < 4; e++) {
                    Path source = directory.resolve("expert-" + e);
                    Adapter made = adapter(model, e);
                    PeftWriter.write(made, "tiny", model.linearShapes().keySet(), source);
                    assertThat(Health.check(source, Health.Base.of(model), Health.Options.STRICT).missingPartners())
                            .isEmpty();
                    Manifest.Base base = new Manifest.Base(HASH, HASH, null, null);
                    library.add(Manifest.of("expert-" + e, "1.0.0", List.of("domain"), base, "test"), source);
                    Adapter mounted = engine.adapters()
                            .load("expert-" + e, library.materialize("expert-" + e, "1.0.0"));
                    assertThat(mounted.hash()).isEqualTo(made.hash());
                    experts.add(mounted);
                }
                // Row groups are mounted in the order of their hashes; only that order makes sums equal bit for bit.
                experts.sort(Comparator.comparing(Adapter::hash));
                compare(engine, spec.vocab(), experts);
            }
        }
    }

    private static void compare(Engine engine, int vocab, List<Adapter> experts) {
        int same = 0;
        int different = 0;
        for (int item = 0; item < 6; item++) {
            int[] prompt = {5 + item, 17, 9 + 2 * item};
            for (Compose mode : List.of(Compose.LOGITS, Compose.SELECT)) {
                int[] gold = greedy(engine, prompt, experts, mode, new int[] {0, 1});
                List<Generator.Scoring> runs = new ArrayList<>(List.of(new Generator.Scoring(prompt, gold,
                        AdapterSet.BASE)));
                experts.forEach(expert -> runs.add(new Generator.Scoring(prompt, gold, AdapterSet.of(expert))));
                List<float[]> tables = engine.logProbabilitiesAll(runs);
                CompositionAlgebra algebra = new CompositionAlgebra(vocab, gold, tables.getFirst(),
                        tables.subList(1, 5));
                for (int size = 0; size <= 4; size++) {
                    for (int[] set : CompositionAlgebra.sets(4, size)) {
                        boolean answered = Arrays.equals(greedy(engine, prompt, experts, mode, set), gold);
                        assertThat(algebra.correct(mode, 1, set)).as("%s %s", mode, Arrays.toString(set))
                                .isEqualTo(answered);
                        if (answered) same++;
                        else different++;
                    }
                }
            }
        }
        assertThat(same).isGreaterThan(12);
        assertThat(different).isGreaterThan(12);
    }

    private static int[] greedy(Engine engine, int[] prompt, List<Adapter> experts, Compose mode, int[] set) {
        List<AdapterSet.Member> members = new ArrayList<>();
        for (int e : set) members.add(new AdapterSet.Member(experts.get(e), 1));
        GenerateConfig config = new GenerateConfig(LENGTH, 0, 0, 1, 0, 0L, List.of(), true, -1);
        return engine.generate(new GenerateRequest(prompt, config, new AdapterSet(members), mode, 5), Context.NONE)
                .tokens();
    }
}
