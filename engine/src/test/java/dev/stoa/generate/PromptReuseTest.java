// SPDX-License-Identifier: Apache-2.0
package dev.stoa.generate;

import static org.assertj.core.api.Assertions.assertThat;

import dev.stoa.adapter.Adapter;
import dev.stoa.adapter.AdapterSet;
import dev.stoa.generate.Generator.Generation;
import dev.stoa.kernel.KernelProvider;
import dev.stoa.kernel.Kernels;
import dev.stoa.model.Model;
import dev.stoa.model.TinyModels;
import dev.stoa.tensor.Ledger;
import dev.stoa.tensor.Scope;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/// What a second prompt takes over from a first one: less work, the same bits, and never anything of another adapter.
class PromptReuseTest {
    private static final int VOCAB = 67, BLOCK = PromptReuse.BLOCK_TOKENS;
    private static Ledger ledger;
    private static Scope scope;
    private static Kernels kernels;
    private static Model model;
    private static List<Adapter> adapters;

    @BeforeAll
    static void open() {
        ledger = new Ledger();
        scope = ledger.scope("reuse test");
        kernels = KernelProvider.open("auto", 2);
        model = TinyModels.model(TinyModels.QWEN3.replace("\"max_position_embeddings\":256", "\"max_position_embeddings\":4096"), 77, kernels, scope);
        adapters = List.of(TinyModels.adapter(model, 2, 1), TinyModels.adapter(model, 3, 2));
    }

    @AfterAll
    static void close() {
        scope.close();
        kernels.close();
        assertThat(ledger.activeBytes()).isZero();
    }

    private static Engine engine(long prefixBytes) {
        return Engine.of(model, new ByteTokenizer(VOCAB), LoadConfig.of(null).withConcurrency(4, 64).withPrefill(96, 250)
                .withPrefixBytes(prefixBytes), ledger);
    }

    private static int[] tokens(long seed, int count) {
        return new SplittableRandom(seed).ints(count, 0, VOCAB).toArray();
    }

    private static int[] changed(int[] prompt, int at) {
        int[] other = prompt.clone();
        other[at] = (other[at] + 1) % VOCAB;
        return other;
    }

    private static double[] scores(Engine engine, int[] prompt, AdapterSet experts) {
        return engine.score(prompt, new int[] {1, 2, 3, 4}, experts);
    }

    private static Generation answer(Engine engine, int[] prompt, AdapterSet experts, Compose compose) {
        GenerateConfig config = new GenerateConfig(24, 0.9, 0, 0.95, 0, 7L, List.of(), true, -1);
        return engine.generate(new GenerateRequest(prompt, config, experts, compose, 5), Context.NONE);
    }

    @Test
    void aWarmPromptHasTheBitsOfAColdOne() {
        int[] prompt = tokens(1, 3 * BLOCK + 17);
        try (Engine warm = engine(64 << 20); Engine cold = engine(0)) {
            scores(warm, Arrays.copyOf(prompt, 2 * BLOCK + 5), AdapterSet.BASE);
            assertThat(scores(warm, prompt, AdapterSet.BASE)).isEqualTo(scores(cold, prompt, AdapterSet.BASE));
            assertThat(warm.stats().prefix().restoredTokens()).isEqualTo(2 * BLOCK);
            assertThat(scores(warm, prompt, AdapterSet.BASE)).isEqualTo(scores(cold, prompt, AdapterSet.BASE));
            assertThat(warm.stats().prefix().restoredTokens()).isEqualTo(5 * BLOCK + 16); // all but the position that is wanted
            assertThat(cold.stats().prefix().blocks()).isZero();
        }
    }

    @Test
    void aChangedTokenEndsTheMatchAndNothingBehindItCounts() {
        int[] prompt = tokens(2, 4 * BLOCK);
        try (Engine engine = engine(64 << 20)) {
            scores(engine, prompt, AdapterSet.BASE);
            long hits = engine.stats().prefix().hits();
            scores(engine, changed(prompt, BLOCK + 3), AdapterSet.BASE);
            assertThat(engine.stats().prefix().hits() - hits).isEqualTo(1);
            scores(engine, changed(prompt, 0), AdapterSet.BASE);
            assertThat(engine.stats().prefix().hits() - hits).isEqualTo(1);
        }
    }

    @Test
    void aPromptThatLeavesABlockInItsMiddleTakesOverWhatComesBefore() {
        int[] prompt = tokens(21, 2 * BLOCK + 100);
        try (Engine warm = engine(64 << 20); Engine cold = engine(0)) {
            scores(warm, prompt, AdapterSet.BASE);
            for (int at : new int[] {2 * BLOCK + 99, 2 * BLOCK + 50, 2 * BLOCK + 1, BLOCK + 200, BLOCK, 31, 1}) {
                int[] other = changed(prompt, at);
                long before = warm.stats().prefix().restoredTokens();
                assertThat(scores(warm, other, AdapterSet.BASE)).as("at %d", at).isEqualTo(scores(cold, other, AdapterSet.BASE));
                assertThat(warm.stats().prefix().restoredTokens() - before).isEqualTo(at);
            }
            AdapterSet a = AdapterSet.of(adapters.get(0));
            long before = warm.stats().prefix().restoredTokens();
            assertThat(scores(warm, prompt, a)).isEqualTo(scores(cold, prompt, a));
            assertThat(warm.stats().prefix().restoredTokens()).isEqualTo(before);
        }
    }

    @Test
    void aShortBlockGrowsWithItsSequence() {
        int[] whole = tokens(22, 2 * BLOCK + 40);
        try (Engine warm = engine(64 << 20); Engine cold = engine(0)) {
            int restored = 0;
            for (int length : new int[] {30, 50, 60, 200, BLOCK - 3, BLOCK + 60, 2 * BLOCK + 40}) {
                int[] prompt = Arrays.copyOf(whole, length);
                long before = warm.stats().prefix().restoredTokens();
                assertThat(scores(warm, prompt, AdapterSet.BASE)).as("length %d", length).isEqualTo(scores(cold, prompt, AdapterSet.BASE));
                assertThat(warm.stats().prefix().restoredTokens() - before).isEqualTo(restored);
                restored = length; // what follows it in the next prompt are not the tokens that were scored
                assertThat(warm.stats().prefix().blocks()).isBetween(1, 12);
            }
        }
    }

    @Test
    void equalTokensAfterOthersAreAnotherBlock() {
        int[] a = tokens(11, BLOCK), b = tokens(12, BLOCK), c = tokens(13, BLOCK);
        try (Engine engine = engine(64 << 20); Engine cold = engine(0)) {
            scores(engine, joined(a, b), AdapterSet.BASE);
            scores(engine, joined(c, a), AdapterSet.BASE);
            assertThat(scores(engine, joined(c, b), AdapterSet.BASE)).isEqualTo(scores(cold, joined(c, b), AdapterSet.BASE));
            assertThat(engine.stats().prefix().hits()).isEqualTo(1);
        }
    }

    private static int[] joined(int[] first, int[] second) {
        int[] all = Arrays.copyOf(first, first.length + second.length + 3);
        System.arraycopy(second, 0, all, first.length, second.length);
        return all;
    }

    @Test
    void whatOthersContinueStays() {
        try (Engine probe = engine(64 << 20)) {
            scores(probe, tokens(6, BLOCK + 8), AdapterSet.BASE);
            try (Engine small = engine(3 * probe.stats().prefix().bytes())) {
                scores(small, tokens(7, 2 * BLOCK + 8), AdapterSet.BASE);
                scores(small, tokens(8, 2 * BLOCK + 8), AdapterSet.BASE);
                scores(small, tokens(7, 2 * BLOCK + 8), AdapterSet.BASE);
                assertThat(small.stats().prefix().restoredTokens()).isEqualTo(BLOCK); // its second block went, not its first
            }
        }
    }

    @Test
    void adaptersNeverFindEachOthersBlocksAndFindTheirOwnAgain() {
        int[] prompt = tokens(3, 2 * BLOCK + 9);
        AdapterSet a = AdapterSet.of(adapters.get(0)), b = AdapterSet.of(adapters.get(1));
        AdapterSet nearly = new AdapterSet(List.of(new AdapterSet.Member(adapters.get(0), Math.nextUp(1.0))));
        try (Engine engine = engine(64 << 20); Engine cold = engine(0)) {
            for (AdapterSet set : List.of(a, b, AdapterSet.BASE, nearly)) {
                assertThat(scores(engine, prompt, set)).isEqualTo(scores(cold, prompt, set));
            }
            assertThat(engine.stats().prefix().hits()).isZero();
            assertThat(scores(engine, prompt, a)).isEqualTo(scores(cold, prompt, a));
            assertThat(engine.stats().prefix().restoredTokens()).isEqualTo(2 * BLOCK);
        }
    }

    @Test
    void aGroupBeginsWhereAllItsMembersFindTheirBlocks() {
        int[] prompt = tokens(4, 3 * BLOCK);
        AdapterSet both = new AdapterSet(List.of(new AdapterSet.Member(adapters.get(0), 1), new AdapterSet.Member(adapters.get(1), 1)));
        try (Engine warm = engine(64 << 20); Engine cold = engine(0)) {
            scores(warm, prompt, AdapterSet.BASE);
            Generation first = answer(warm, prompt, both, Compose.LOGITS);
            assertThat(first.usage().cachedTokens()).isZero();
            Generation second = answer(warm, prompt, both, Compose.LOGITS);
            assertThat(second.usage().cachedTokens()).isEqualTo(3 * BLOCK - 1); // the last position is wanted
            assertThat(second.tokens()).isEqualTo(first.tokens()).isEqualTo(answer(cold, prompt, both, Compose.LOGITS).tokens());
        }
    }

    @Test
    void theNextTurnTakesOverTheAnswerToo() {
        int[] prompt = tokens(5, 2 * BLOCK - 10);
        try (Engine engine = engine(64 << 20)) {
            Generation first = answer(engine, prompt, AdapterSet.BASE, Compose.SUM);
            int[] next = Arrays.copyOf(prompt, prompt.length + first.tokens().length + 40);
            System.arraycopy(first.tokens(), 0, next, prompt.length, first.tokens().length);
            assertThat(answer(engine, next, AdapterSet.BASE, Compose.SUM).usage().cachedTokens()).isEqualTo(2 * BLOCK);
        }
    }

    @Test
    void aConversationGrowsItsLastBlockTurnByTurn() {
        int[] prompt = tokens(23, 20);
        try (Engine warm = engine(64 << 20); Engine cold = engine(0)) {
            int known = 0;
            for (int turn = 0; turn < 12; turn++) {
                Generation answer = answer(warm, prompt, AdapterSet.BASE, Compose.SUM);
                assertThat(answer.tokens()).as("turn %d", turn).isEqualTo(answer(cold, prompt, AdapterSet.BASE, Compose.SUM).tokens());
                assertThat(answer.usage().cachedTokens()).isEqualTo(known);
                known = prompt.length + answer.tokens().length - 1; // the last token of an answer is not computed
                if (known % BLOCK < 16) known -= known % BLOCK;
                int[] next = Arrays.copyOf(prompt, prompt.length + answer.tokens().length + 15);
                System.arraycopy(answer.tokens(), 0, next, prompt.length, answer.tokens().length);
                prompt = next;
                assertThat(warm.stats().prefix().blocks()).isLessThanOrEqualTo(known / BLOCK + 1); // one growing block, not one per turn
            }
        }
    }

    @Test
    void aFullCacheForgetsTheOldestLeafAndStaysWithinItsBudget() {
        try (Engine probe = engine(64 << 20)) {
            scores(probe, tokens(6, BLOCK + 8), AdapterSet.BASE);
            long block = probe.stats().prefix().bytes();
            try (Engine small = engine(3 * block); Engine cold = engine(0)) {
                List<int[]> prompts = new ArrayList<>();
                for (int i = 0; i < 6; i++) prompts.add(tokens(100 + i, 2 * BLOCK + 8));
                for (int round = 0; round < 3; round++) {
                    for (int[] prompt : prompts) {
                        assertThat(scores(small, prompt, AdapterSet.BASE)).isEqualTo(scores(cold, prompt, AdapterSet.BASE));
                        assertThat(small.stats().prefix().bytes()).isLessThanOrEqualTo(3 * block);
                        long restored = small.stats().prefix().restoredTokens();
                        scores(small, prompt, AdapterSet.BASE); // the newest prompt is there with its parents
                        assertThat(small.stats().prefix().restoredTokens() - restored).isEqualTo(2 * BLOCK);
                    }
                }
                assertThat(small.stats().prefix().evictions()).isPositive();
            }
            try (Engine none = engine(block - 1)) {
                scores(none, tokens(6, BLOCK + 8), AdapterSet.BASE);
                assertThat(none.stats().prefix().blocks()).isZero();
            }
        }
    }
}
