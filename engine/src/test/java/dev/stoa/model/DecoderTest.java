// SPDX-License-Identifier: Apache-2.0
package dev.stoa.model;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.stoa.adapter.Adapter;
import dev.stoa.adapter.AdapterSet;
import dev.stoa.adapter.AdapterSet.Member;
import dev.stoa.cache.CacheStack;
import dev.stoa.kernel.KernelProvider;
import dev.stoa.kernel.Kernels;
import dev.stoa.model.ReferenceForward.Mutant;
import dev.stoa.nn.mixer.MixerSpec;
import dev.stoa.tensor.Ledger;
import dev.stoa.tensor.Scope;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.List;
import java.util.Set;
import java.util.SplittableRandom;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/// The decoder against the float64 reference, against itself under every cut of a prompt, and in mixed batches.
class DecoderTest {
    private static final String WINDOWED = TinyModels.QWEN3.replace("\"rope_parameters\"",
            "\"use_sliding_window\":true,\"sliding_window\":4,\"max_window_layers\":1,\"rope_parameters\"");
    private static Kernels kernels;
    private static Scope scope;

    @BeforeAll
    static void open() {
        kernels = KernelProvider.open("auto", 2);
        scope = new Ledger().scope("decoder test");
    }

    @AfterAll
    static void close() {
        scope.close();
        kernels.close();
    }

    private static int[] ids(int count, long seed) {
        return new SplittableRandom(seed).ints(count, 0, 67).toArray();
    }

    private static ReferenceForward reference(Model model, String config, long seed, AdapterSet set, Mutant mutant) {
        return new ReferenceForward(model.spec(), TinyModels.tensors(TinyModels.spec(config), seed), set, mutant);
    }

    @ParameterizedTest
    @ValueSource(strings = {TinyModels.LLAMA, TinyModels.QWEN3})
    void equalsTheReferenceInDoublePrecision(String config) {
        Model model = TinyModels.model(config, 5, kernels, scope);
        int[] ids = ids(19, 1);
        float[][] ours = Runner.logits(new Decoder(model), model.spec(), AdapterSet.BASE, 32, ids);
        double[][] truth = reference(model, config, 5, AdapterSet.BASE, Mutant.NONE).logits(ids);
        assertThat(Runner.largestDifference(ours, truth)).isLessThan(1e-4);
        Set<Mutant> mustDiffer = EnumSet.complementOf(EnumSet.of(Mutant.NONE,
                config.equals(TinyModels.LLAMA) ? Mutant.NO_QUERY_KEY_NORM : Mutant.BIAS_DROPPED));
        for (Mutant mutant : mustDiffer) {
            double[][] wrong = reference(model, config, 5, AdapterSet.BASE, mutant).logits(ids);
            assertThat(Runner.largestDifference(ours, wrong)).as("mutant %s", mutant).isGreaterThan(1e-2);
        }
    }

    @Test
    void windowsHideOldTokens() {
        Model model = TinyModels.model(WINDOWED, 8, kernels, scope);
        int[] ids = ids(15, 3);
        float[][] ours = Runner.logits(new Decoder(model), model.spec(), AdapterSet.BASE, 6, ids);
        double[][] truth = reference(model, WINDOWED, 8, AdapterSet.BASE, Mutant.NONE).logits(ids);
        assertThat(Runner.largestDifference(ours, truth)).isLessThan(1e-4);
        assertThat(((MixerSpec.Attention) model.spec().layers().get(1).mixer()).window()).isEqualTo(4);
        ReferenceForward noWindow = new ReferenceForward(TinyModels.spec(TinyModels.QWEN3),
                TinyModels.tensors(model.spec(), 8), AdapterSet.BASE, Mutant.NONE);
        assertThat(Runner.largestDifference(ours, noWindow.logits(ids))).isGreaterThan(1e-2);
    }

    @ParameterizedTest
    @ValueSource(strings = {TinyModels.LLAMA, TinyModels.QWEN3})
    void anyCutOfThePromptGivesTheSameBits(String config) {
        Model model = TinyModels.model(config, 6, kernels, scope);
        Decoder decoder = new Decoder(model);
        int[] ids = ids(41, 2);
        AdapterSet set = AdapterSet.of(TinyModels.adapter(model, 3, 11));
        float[][] whole = Runner.logits(decoder, model.spec(), set, 64, ids);
        for (int chunk : new int[] {1, 2, 7, 16, 32, 40}) {
            assertThat(Runner.logits(decoder, model.spec(), set, chunk, ids)).as("chunk %d", chunk).isDeepEqualTo(whole);
        }
    }

    @Test
    void composesUpToFourAdaptersLikeDenseWeights() {
        Model model = TinyModels.model(TinyModels.QWEN3, 7, kernels, scope);
        Decoder decoder = new Decoder(model);
        int[] ids = ids(12, 4);
        double[] weights = {1, -0.5, 0.25, 2};
        List<Member> members = new ArrayList<>();
        for (int count = 1; count <= 4; count++) {
            members.add(new Member(TinyModels.adapter(model, count + 1, 20 + count), weights[count - 1]));
            AdapterSet set = new AdapterSet(members);
            float[][] ours = Runner.logits(decoder, model.spec(), set, 12, ids);
            double[][] dense = reference(model, TinyModels.QWEN3, 7, set, Mutant.NONE).logits(ids);
            assertThat(Runner.largestDifference(ours, dense)).as("%d adapters", count).isLessThan(1e-4);
            double[][] base = reference(model, TinyModels.QWEN3, 7, AdapterSet.BASE, Mutant.NONE).logits(ids);
            assertThat(Runner.largestDifference(ours, base)).isGreaterThan(1e-2);
        }
        AdapterSet reversed = new AdapterSet(members.reversed());
        assertThat(Runner.logits(decoder, model.spec(), reversed, 12, ids))
                .isDeepEqualTo(Runner.logits(decoder, model.spec(), new AdapterSet(members), 12, ids));
    }

    /// One batch interleaves sequences of different lengths, ages and adapter sets; every row must get its own.
    @Test
    void mixedBatchesEqualSequentialRunsBitForBit() {
        Model model = TinyModels.model(TinyModels.QWEN3, 9, kernels, scope);
        Decoder decoder = new Decoder(model);
        Adapter one = TinyModels.adapter(model, 2, 31);
        Adapter two = TinyModels.adapter(model, 5, 32);
        List<AdapterSet> sets = List.of(AdapterSet.BASE, AdapterSet.of(one), AdapterSet.of(two),
                new AdapterSet(List.of(new Member(one, 0.5), new Member(two, -1))), new AdapterSet(List.of(new Member(one, 2))));
        List<float[][]> alone = new ArrayList<>();
        for (int s = 0; s < sets.size(); s++) alone.add(Runner.logits(decoder, model.spec(), sets.get(s), 64, ids(10 + s, 40 + s)));

        Ledger ledger = new Ledger();
        try (Scope memory = ledger.scope("mixed")) {
            Workspace ws = decoder.workspace(64, 64, memory);
            Batch batch = new Batch(model.spec().layers().size(), 64, 64);
            List<CacheStack> states = new ArrayList<>();
            for (int s = 0; s < sets.size(); s++) states.add(new CacheStack(decoder.cacheShapes(), 32, ledger));
            SplittableRandom random = new SplittableRandom(3);
            boolean busy = true;
            while (busy) {
                busy = false;
                batch.clear();
                List<int[]> rows = new ArrayList<>();
                for (int s = 0; s < sets.size(); s++) {
                    int[] ids = ids(10 + s, 40 + s);
                    int from = states.get(s).length();
                    int count = Math.min(ids.length - from, random.nextInt(4));
                    busy |= from < ids.length;
                    for (int i = from; i < from + count; i++) {
                        batch.wantLogits(batch.add(ids[i], i, states.get(s), sets.get(s)));
                        rows.add(new int[] {s, i});
                    }
                }
                decoder.forward(batch, ws);
                for (int r = 0; r < rows.size(); r++) {
                    assertThat(ws.logits(rows.size()).slice(r, r + 1).toArray())
                            .as("sequence %d position %d", rows.get(r)[0], rows.get(r)[1])
                            .isEqualTo(alone.get(rows.get(r)[0])[rows.get(r)[1]]);
                }
            }
            states.forEach(CacheStack::close);
        }
        assertThat(alone.get(1)[0]).isNotEqualTo(alone.get(4)[0]);
        assertThat(ledger.activeBytes()).isZero();
    }

    /// Rows that want nothing skip most of the last layer; the others must not notice.
    @Test
    void wantingFewerRowsChangesNoBit() {
        Model model = TinyModels.model(TinyModels.LLAMA, 12, kernels, scope);
        Decoder decoder = new Decoder(model);
        List<AdapterSet> sets = List.of(AdapterSet.BASE, AdapterSet.of(TinyModels.adapter(model, 2, 51)), AdapterSet.of(TinyModels.adapter(model, 3, 52)));
        List<float[][]> all = new ArrayList<>();
        for (int s = 0; s < sets.size(); s++) all.add(Runner.logits(decoder, model.spec(), sets.get(s), 64, ids(15, 60 + s)));
        SplittableRandom random = new SplittableRandom(9);
        for (int trial = 0; trial < 20; trial++) {
            Ledger ledger = new Ledger();
            try (Scope memory = ledger.scope("few")) {
                Workspace ws = decoder.workspace(64, 64, memory);
                Batch batch = new Batch(2, 64, 64);
                List<CacheStack> states = new ArrayList<>();
                for (int s = 0; s < sets.size(); s++) states.add(new CacheStack(decoder.cacheShapes(), 32, ledger));
                for (int from = 0; from < 15; from += 5) {
                    batch.clear();
                    List<int[]> wanted = new ArrayList<>();
                    List<Integer> captures = new ArrayList<>();
                    for (int s = 0; s < sets.size(); s++) {
                        for (int i = from; i < from + 5; i++) {
                            int row = batch.add(ids(15, 60 + s)[i], i, states.get(s), sets.get(s));
                            if (random.nextInt(6) == 0) captures.add(batch.wantResidual(row, random.nextInt(2)));
                            if (random.nextInt(trial % 4 + 1) > 0) continue;
                            batch.wantLogits(row);
                            wanted.add(new int[] {s, i});
                        }
                    }
                    decoder.forward(batch, ws);
                    for (int w = 0; w < wanted.size(); w++) {
                        assertThat(ws.logits(wanted.size()).slice(w, w + 1).toArray()).isEqualTo(all.get(wanted.get(w)[0])[wanted.get(w)[1]]);
                    }
                    for (int capture : captures) assertThat(batch.residual(capture)).hasSize(32);
                }
                states.forEach(CacheStack::close);
            }
        }
    }

    @Test
    void capturesTheResidualAndStopsWhereNothingIsNeeded() {
        Model model = TinyModels.model(TinyModels.LLAMA, 10, kernels, scope);
        Decoder decoder = new Decoder(model);
        int[] ids = ids(9, 5);
        ReferenceForward reference = reference(model, TinyModels.LLAMA, 10, AdapterSet.BASE, Mutant.NONE);
        Ledger ledger = new Ledger();
        try (Scope memory = ledger.scope("capture"); CacheStack state = new CacheStack(decoder.cacheShapes(), 16, ledger)) {
            Workspace ws = decoder.workspace(16, 1, memory);
            Batch batch = new Batch(2, 16, 1);
            for (int layer = 0; layer < 2; layer++) {
                batch.clear();
                state.truncate(0);
                for (int i = 0; i < ids.length; i++) batch.wantResidual(batch.add(ids[i], i, state, AdapterSet.BASE, layer + 1), layer);
                decoder.forward(batch, ws);
                double[][] truth = reference.residual(layer, ids);
                for (int i = 0; i < ids.length; i++) {
                    assertThat(Runner.largestDifference(new float[][] {batch.residual(i)}, new double[][] {truth[i]})).isLessThan(1e-4);
                }
            }
        }
    }

    @Test
    void refusesRowsThatDoNotContinueTheirSequence() {
        Model model = TinyModels.model(TinyModels.LLAMA, 10, kernels, scope);
        Decoder decoder = new Decoder(model);
        Ledger ledger = new Ledger();
        try (Scope memory = ledger.scope("refuse"); CacheStack state = new CacheStack(decoder.cacheShapes(), 32, ledger)) {
            Batch batch = new Batch(2, 8, 8);
            assertThatThrownBy(() -> batch.add(1, 1, state, AdapterSet.BASE)).hasMessageContaining("expected 0");
            batch.add(1, 0, state, AdapterSet.BASE);
            assertThatThrownBy(() -> batch.add(1, 2, state, AdapterSet.BASE)).hasMessageContaining("expected 1");
            assertThat(memory.bytes()).isZero();
        }
    }
}
