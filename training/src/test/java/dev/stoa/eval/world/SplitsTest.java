// SPDX-License-Identifier: Apache-2.0
package dev.stoa.eval.world;

import static org.assertj.core.api.Assertions.assertThat;

import dev.stoa.eval.SplitMix64;
import java.util.HashMap;
import java.util.Locale;
import java.util.Map;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/// No 13 words of one split occur in another (evaluation.md §4).
class SplitsTest {
    private static final int GRAM = 13;

    @Test
    void splitsShareNoThirteenWords() {
        assertThat(shared(World.of(42, WorldSize.CI), 6_000)).isEmpty();
        assertThat(shared(World.of(7, WorldSize.FULL), 14_000)).isEmpty();
    }

    @Test
    @Tag("slow")
    void splitsShareNoThirteenWordsInAHundredThousandItems() {
        assertThat(shared(World.of(42, WorldSize.CI), 100_000)).isEmpty();
        assertThat(shared(World.of(42, WorldSize.FULL), 100_000)).isEmpty();
    }

    @Test
    void theCheckFindsAPlantedLeak() {
        World world = World.tiny(1);
        Map<Long, Split> owners = new HashMap<>();
        String leaked = world.multi(Split.TRAIN, 5).prompt();
        assertThat(clash(owners, leaked, Split.TRAIN)).isFalse();
        assertThat(clash(owners, "well " + leaked, Split.TEST)).isTrue();
        assertThat(clash(owners, world.item("spice", Split.TEST, 0).prompt(), Split.TEST)).isFalse();
    }

    @Test
    void textsOutsideEveryDomainOccurInNoSplit() {
        World world = World.of(42, WorldSize.CI);
        RouteGen routes = RouteGen.of(world);
        Map<Long, Split> owners = new HashMap<>();
        for (int i = 0; i < 2_000; i++) clash(owners, world.pretrain(i).prompt(), Split.TRAIN);
        for (RouteGen.OutOfDomain family : RouteGen.OutOfDomain.values()) {
            for (int i = 0; i < 200; i++) {
                String text = routes.outOfDomain(family, i);
                if (!text.isBlank()) assertThat(clash(owners, text, Split.TEST)).as(text).isFalse();
            }
        }
    }

    @Test
    void goldStaysInTheTrainingSplit() {
        World world = World.of(42, WorldSize.CI);
        Map<Long, Split> owners = new HashMap<>();
        for (Domain domain : world.domains()) {
            for (int i = 0; i < 400; i++) clash(owners, world.question(domain.name(), Split.TEST, i).prompt(), Split.TEST);
        }
        for (int i = 0; i < 400; i++) clash(owners, world.general(Split.TEST, i).prompt(), Split.TEST);
        for (Domain domain : world.domains()) {
            for (GoldRow row : world.gold(domain.name())) {
                assertThat(clash(owners, row.item().prompt(), Split.TRAIN)).as(row.toString()).isFalse();
            }
            ExpertMix mix = world.expert(domain.name(), Recipe.COMPOSABLE);
            for (int i = 0; i < 400; i++) {
                assertThat(clash(owners, mix.row(i).item().prompt(), Split.TRAIN)).isFalse();
            }
        }
    }

    /// The first prompt whose words belong to another split, or the empty text.
    private static String shared(World world, int items) {
        Map<Long, Split> owners = new HashMap<>();
        for (int i = 0; i < items; i++) {
            Split split = Split.values()[i % 2 == 0 ? 0 : 1 + i / 2 % 4];
            Item item = switch (i / 8 % 5) {
                case 0, 1 -> world.multi(split, i);
                case 2 -> world.general(split, i);
                case 3 -> world.reader(split, i);
                default -> world.item(world.domains().get(i / 40 % world.domains().size()).name(), split, i);
            };
            if (clash(owners, item.prompt(), split)) return split + ": " + item.prompt();
            Item trained = world.pretrain(i);
            if (clash(owners, trained.prompt(), Split.TRAIN)) return "pretraining: " + trained.prompt();
        }
        return "";
    }

    /// Registers a prompt's windows of 13 words (the whole prompt if it is shorter); true if another split owns one.
    private static boolean clash(Map<Long, Split> owners, String prompt, Split split) {
        String[] words = prompt.toLowerCase(Locale.ROOT).replaceAll("[^\\p{L}\\p{N}\\s]", "").strip().split("\\s+");
        int length = Math.min(GRAM, words.length);
        for (int start = 0; start + length <= words.length; start++) {
            StringBuilder gram = new StringBuilder();
            for (int i = start; i < start + length; i++) gram.append(words[i]).append(' ');
            Split owner = owners.putIfAbsent(SplitMix64.hash(gram.toString()), split);
            if (owner != null && owner != split) return true;
        }
        return false;
    }
}
