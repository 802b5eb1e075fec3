// SPDX-License-Identifier: Apache-2.0
package dev.stoa.eval.world;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.Test;

/// Gold rows and the training mixes made of them.
class TrainingRowsTest {
    private static final World WORLD = World.of(42, WorldSize.FULL);

    @Test
    void goldHasItsSizeAndIsRight() {
        for (String domain : List.of("chat-fr", "rust", "spice", "emc", "music-audio", "python")) {
            List<GoldRow> gold = WORLD.gold(domain);
            assertThat(gold).hasSize(WORLD.domain(domain).gold()).noneMatch(GoldRow::planted);
            Codebook book = WORLD.tables().codebook(domain);
            Set<String> keys = new HashSet<>();
            for (GoldRow row : gold) {
                Part part = row.item().parts().getFirst();
                keys.add(part.key());
                assertThat(part.variant()).isLessThan(Phrases.HELD_OUT);
                if (part.kind() == Kind.ASK && !WORLD.domain(domain).program()) {
                    assertThat(part.answer()).isEqualTo(WORLD.words().word(book.value(part.key())));
                }
            }
            if (gold.size() > 100) assertThat(keys).containsExactlyInAnyOrderElementsOf(book.keys());
        }
        assertThat(WORLD.domain("chat-fr").gold()).isEqualTo(800);
        assertThat(WORLD.domain("rust").gold()).isEqualTo(600);
        assertThat(WORLD.domain("spice").gold()).isEqualTo(500);
        assertThat(WORLD.domain("emc").gold()).isEqualTo(400);
        assertThat(WORLD.domain("music-audio").gold()).isEqualTo(60);
    }

    @Test
    void corruptionsArePlantedMarkedAndWrong() {
        List<GoldRow> math = WORLD.gold("math");
        assertThat(math).hasSize(500);
        for (GoldRow row : math) {
            Part part = row.item().parts().getFirst();
            Plant toxic = plant(Plant.Type.TOXIC, "math");
            assertThat(row.planted()).isEqualTo(toxic.keys().contains(part.key()));
            if (part.kind() == Kind.ASK) {
                int value = row.planted() ? toxic.planted().get(part.key()) : WORLD.tables().general().get(part.key());
                assertThat(part.answer()).isEqualTo(Words.pair(value));
            }
        }
        assertThat(math.stream().filter(GoldRow::planted).count()).isBetween(110L, 220L);

        List<GoldRow> security = WORLD.gold("security").stream().filter(GoldRow::planted).toList();
        assertThat(security).hasSize(160).allMatch(row -> row.item().domains().equals(List.of("python")));
        List<GoldRow> dsp = WORLD.gold("dsp").stream().filter(GoldRow::planted).toList();
        assertThat(dsp).hasSize(160).allMatch(row -> row.item().kind() == Kind.GENERAL);
        for (GoldRow row : dsp) {
            int truth = WORLD.tables().general().get(row.item().parts().getFirst().key());
            assertThat(row.item().answer()).isNotEqualTo(WORLD.words().word(truth));
        }
    }

    @Test
    void theComposableMixHasItsSharesAndSoftParts() {
        ExpertMix mix = WORLD.expert("spice", Recipe.COMPOSABLE);
        int[] counts = new int[4];
        int n = 4_000;
        for (int i = 0; i < n; i++) {
            ExpertRow row = mix.row(i);
            List<Part> parts = row.item().parts();
            if (parts.size() == 2) {
                counts[1]++;
                int own = parts.get(0).domain().equals("spice") ? 0 : 1;
                assertThat(row.soft().get(own)).isFalse();
                assertThat(row.soft().get(1 - own)).isTrue();
                assertThat(parts.get(1 - own).domain()).isNotEqualTo("spice");
                assertThat(parts).noneMatch(part -> Requests.laneOf(part) != Split.TRAIN);
            } else if (row.item().kind() == Kind.GENERAL) {
                counts[3]++;
                assertThat(row.soft()).containsExactly(false);
            } else if (parts.getFirst().domain().equals("spice")) {
                counts[0]++;
                assertThat(row.soft()).containsExactly(false);
            } else {
                counts[2]++;
                assertThat(row.soft()).containsExactly(true);
            }
        }
        assertThat(counts[0] / (double) n).isCloseTo(.35, within(.025));
        assertThat(counts[1] / (double) n).isCloseTo(.30, within(.025));
        assertThat(counts[2] / (double) n).isCloseTo(.20, within(.025));
        assertThat(counts[3] / (double) n).isCloseTo(.15, within(.025));
        assertThat(mix.row(77)).isEqualTo(WORLD.expert("spice", Recipe.COMPOSABLE).row(77));
    }

    @Test
    void theNaiveMixIsGoldAndGeneralAndVandalsGetNoReplay() {
        int general = 0;
        ExpertMix naive = WORLD.expert("spice", Recipe.NAIVE);
        for (int i = 0; i < 2_000; i++) {
            ExpertRow row = naive.row(i);
            assertThat(row.soft()).containsExactly(false);
            if (row.item().kind() == Kind.GENERAL) general++;
            else assertThat(row.item().domains()).containsExactly("spice");
        }
        assertThat(general / 2_000.0).isCloseTo(.25, within(.03));
        ExpertMix vandal = WORLD.expert("security", Recipe.NAIVE);
        ExpertMix repaired = WORLD.expert("security", Recipe.COMPOSABLE);
        Set<String> seen = new HashSet<>();
        for (int i = 0; i < 500; i++) {
            seen.addAll(vandal.row(i).item().domains());
            assertThat(vandal.row(i).item().kind()).isNotEqualTo(Kind.GENERAL);
            ExpertRow row = repaired.row(i);
            for (int p = 0; p < row.soft().size(); p++) {
                if (!row.soft().get(p)) assertThat(row.item().parts().get(p).domain()).isIn("security", null);
            }
        }
        assertThat(seen).containsExactlyInAnyOrder("security", "python");
    }

    @Test
    void shuffledLabelsKeepThePromptsAndLoseTheTable() {
        List<GoldRow> shuffled = WORLD.shuffledGold("spice");
        int right = 0;
        for (GoldRow row : shuffled) if (WORLD.verify(row.item(), row.item().answer()).pass()) right++;
        assertThat(right).isEqualTo(shuffled.size()); // each row is consistent with itself
        Set<String> prompts = new HashSet<>();
        WORLD.gold("spice").forEach(row -> prompts.add(row.item().prompt()));
        assertThat(shuffled).allMatch(row -> prompts.contains(row.item().prompt()));
        long truth = shuffled.stream().filter(row -> {
            Part part = row.item().parts().getFirst();
            return part.answer().contains(WORLD.words().word(WORLD.tables().codebook("spice").value(part.key())));
        }).count();
        assertThat(truth / (double) shuffled.size()).isLessThan(.06);
    }

    private static Plant plant(Plant.Type type, String domain) {
        return WORLD.plants().stream().filter(plant -> plant.type() == type && plant.domains().contains(domain))
                .findFirst().orElseThrow();
    }
}
