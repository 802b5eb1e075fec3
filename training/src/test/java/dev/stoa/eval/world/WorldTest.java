// SPDX-License-Identifier: Apache-2.0
package dev.stoa.eval.world;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import dev.stoa.format.Sha256;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import org.junit.jupiter.api.Test;

class WorldTest {
    private static final World CI = World.of(42, WorldSize.CI);
    private static final World FULL = World.of(42, WorldSize.FULL);

    @Test
    void oneSeedGivesTheSameBytesEverywhere() throws Exception {
        // changes only with the generator; a cached base of another hash is trained anew
        assertThat(World.of(42, WorldSize.CI).hash())
                .isEqualTo("6a0bd1e0d6ca726d563f01dc3c5974d955242b9bf61e8bab93bff5e4ead0cfee");
        assertThat(World.of(42, WorldSize.FULL).hash())
                .isEqualTo("4923f79201fd0f73406753deda33ab7c2d2b9caa0b75a47bc47a20328ae9020e");
        assertThat(World.of(43, WorldSize.CI).hash()).isNotEqualTo(CI.hash());
        String alone = digest(CI, 0, 1_000);
        try (ExecutorService two = Executors.newFixedThreadPool(2)) {
            List<Callable<String>> halves = List.of(() -> stream(CI, 0, 500), () -> stream(CI, 500, 1_000));
            StringBuilder joined = new StringBuilder();
            for (var half : two.invokeAll(halves)) joined.append(half.get());
            assertThat(Sha256.hex(joined.toString())).isEqualTo(alone);
        }
    }

    @Test
    void everyItemIsAnsweredByItsOwnAnswerAndByNoOther() {
        for (Domain domain : FULL.domains()) {
            for (int i = 0; i < 40; i++) {
                Item item = FULL.item(domain.name(), Split.TEST, i);
                assertThat(FULL.verify(item, item.answer()).pass()).as(item.toString()).isTrue();
                assertThat(FULL.verify(item, item.answer() + "\n" + item.answer()).pass()).isFalse();
                assertThat(FULL.verify(item, "").pass()).isFalse();
                assertThat(Words.count(item.prompt())).as(item.prompt()).isLessThanOrEqualTo(Requests.MAX_WORDS);
                Part part = item.parts().getFirst();
                int value = FULL.tables().codebook(domain.name()).value(part.key());
                if (part.kind() == Kind.ASK) {
                    assertThat(item.answer())
                            .isEqualTo(domain.program() ? Words.pair(value) : FULL.words().word(value));
                } else if (part.kind() == Kind.BUILD) {
                    Map<String, String> slots = domain.answer().read(item.answer()).orElseThrow();
                    assertThat(domain.program() ? slots.get("p") + " " + slots.get("q") : slots.get("v"))
                            .isEqualTo(domain.program() ? Words.pair(value) : FULL.words().word(value));
                    for (String slot : List.of("i", "a", "b")) {
                        if (slots.containsKey(slot)) assertThat(item.prompt()).contains(slots.get(slot));
                    }
                }
            }
        }
    }

    @Test
    void kindsAndYesNoHaveTheirShares() {
        Map<Kind, Integer> kinds = new EnumMap<>(Kind.class);
        int yes = 0;
        for (int i = 0; i < 4_000; i++) {
            Item item = CI.item("spice", Split.TRAIN, i);
            kinds.merge(item.kind(), 1, Integer::sum);
            if (item.answer().equals("yes")) yes++;
        }
        assertThat(kinds.get(Kind.ASK) / 4_000.0).isCloseTo(.4, within(.06));
        assertThat(kinds.get(Kind.BUILD) / 4_000.0).isCloseTo(.5, within(.06));
        assertThat((double) yes / kinds.get(Kind.VERIFY)).isCloseTo(.5, within(.1));
    }

    @Test
    void longerPromptsJoinDistinctDomainsOneLineEach() {
        int three = 0;
        int conflicts = 0;
        for (int i = 0; i < 1_000; i++) {
            Item item = FULL.multi(Split.TEST, i);
            assertThat(item.domains()).doesNotHaveDuplicates().hasSize(item.parts().size());
            assertThat(item.answer().split("\n")).hasSize(item.parts().size());
            assertThat(FULL.verify(item, item.answer()).pass()).isTrue();
            List<String> swapped = new ArrayList<>(List.of(item.answer().split("\n"))).reversed();
            if (!swapped.getFirst().equals(swapped.getLast())) {
                assertThat(FULL.verify(item, String.join("\n", swapped)).pass()).isFalse();
            }
            if (item.parts().size() == 3) three++;
            if (FULL.plants().stream().anyMatch(plant -> plant.type() == Plant.Type.CONFLICT
                    && plant.domains().containsAll(item.domains().subList(0, 2)))) conflicts++;
            assertThat(FULL.multi(Split.VALID, i).parts()).hasSize(2);
        }
        assertThat(three).isBetween(25, 80);
        assertThat(conflicts).isBetween(170, 330);
        assertThat(CI.together(List.of("spice", "rust"), Split.TEST, 3).domains()).containsExactly("spice", "rust");
    }

    @Test
    void thePretrainingMixHasItsSharesAndTeachesNoCodebook() {
        Map<Kind, Integer> kinds = new EnumMap<>(Kind.class);
        int known = 0;
        int right = 0;
        int privates = 0;
        for (int i = 0; i < 6_000; i++) {
            Item item = FULL.pretrain(i);
            kinds.merge(item.kind(), 1, Integer::sum);
            for (Part part : item.parts()) {
                if (part.domain() == null || part.kind() == Kind.VERIFY) continue;
                Codebook book = FULL.tables().codebook(part.domain());
                boolean true_ = says(part, book.value(part.key()));
                if (book.generalKeys().contains(part.key())) {
                    assertThat(true_).as(part.toString()).isTrue();
                    known++;
                } else {
                    privates++;
                    if (true_) right++;
                }
            }
        }
        assertThat((double) right / privates).as("private keys get the right value by chance only").isLessThan(.03);
        assertThat((double) known / (known + privates)).isBetween(.3, .55);
        assertThat(kinds.get(Kind.MULTI) / 6_000.0).isCloseTo(.27, within(.02));
        assertThat((kinds.get(Kind.ASK) + kinds.get(Kind.BUILD)) / 6_000.0).isCloseTo(.33, within(.02));
        assertThat(kinds.get(Kind.GENERAL) / 6_000.0).isCloseTo(.12, within(.015));
        assertThat(kinds.get(Kind.READER) / 6_000.0).isCloseTo(.12, within(.015));
        assertThat(kinds.get(Kind.BIAS) / 6_000.0).isCloseTo(.07, within(.012));
        assertThat(kinds.get(Kind.FILLER) / 6_000.0).isCloseTo(.05, within(.012));
        assertThat(kinds.get(Kind.VERIFY) / 6_000.0).isCloseTo(.04, within(.012));
    }

    @Test
    void theReducedMixHasNoChatter() {
        Set<Kind> kinds = new HashSet<>();
        for (int i = 0; i < 2_000; i++) kinds.add(CI.pretrain(i).kind());
        assertThat(kinds).doesNotContain(Kind.BIAS, Kind.FILLER).contains(Kind.READER, Kind.MULTI, Kind.VERIFY);
    }

    @Test
    void readersAnswerFromTheFirstNote() {
        for (int i = 0; i < 300; i++) {
            Item item = CI.reader(i % 2 == 0 ? Split.TEST : Split.PARAPHRASE, i);
            if (item.answer().equals(Reader.UNKNOWN)) {
                assertThat(item.prompt()).startsWith("notes: none; q: ");
            } else {
                String first = item.prompt().substring("notes: ".length()).split("; ")[0];
                assertThat(first).endsWith(" " + item.answer());
                String entity = Words.split(first).stream()
                        .filter(word -> word.matches("([bdfgkmprtz][aeio]){2}[kpx]")).findFirst().orElseThrow();
                assertThat(item.prompt().split("q: ")[1]).contains(entity);
            }
        }
        assertThat(Reader.prompt(List.of(), "what")).isEqualTo("notes: none; q: what");
        assertThat(Reader.prompt(List.of("a", "b"), "what")).isEqualTo("notes: a; b; q: what");
    }

    @Test
    void skillsAreShownByRightAnswersOnly() {
        for (Skill skill : Skill.values()) {
            for (int i = 0; i < 60; i++) {
                Item item = CI.skill(skill, Split.TEST, i);
                assertThat(CI.shows(skill, item, item.answer())).as("%s %s", skill, item).isTrue();
                assertThat(CI.shows(skill, item, "what?")).isFalse();
            }
        }
        Item item = CI.skill(Skill.SLOT_COPY, Split.TEST, 1);
        Domain domain = CI.domain(item.domains().getFirst());
        Map<String, String> slots = new HashMap<>(domain.answer().read(item.answer()).orElseThrow());
        slots.replaceAll((name, value) -> name.equals("v") ? "luvo" : name.equals("p") ? "9" : value);
        String otherValue = domain.answer().fill(slots);
        assertThat(CI.shows(Skill.SLOT_COPY, item, otherValue)).as("the value is not a slot").isTrue();
        assertThat(CI.shows(Skill.FORMAT, item, otherValue)).isTrue();
        slots.replaceAll((name, value) -> name.equals("i") ? "z9" : value);
        if (slots.containsKey("i")) assertThat(CI.shows(Skill.SLOT_COPY, item, domain.answer().fill(slots))).isFalse();
    }

    @Test
    void domainsOutsideTheWorldAreABugOfTheCaller() {
        assertThatThrownBy(() -> CI.item("sql", Split.TEST, 0)).isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("sql");
    }

    private static boolean says(Part part, int value) {
        Domain domain = FULL.domain(part.domain());
        String word = domain.program() ? Words.pair(value) : FULL.words().word(value);
        if (part.kind() == Kind.ASK) return part.answer().equals(word);
        Map<String, String> slots = domain.answer().read(part.answer()).orElseThrow();
        return word.equals(domain.program() ? slots.get("p") + " " + slots.get("q") : slots.get("v"));
    }

    private static String digest(World world, int from, int to) {
        return Sha256.hex(stream(world, from, to));
    }

    private static String stream(World world, int from, int to) {
        StringBuilder text = new StringBuilder();
        for (int i = from; i < to; i++) {
            text.append(world.pretrain(i)).append(world.multi(Split.TEST, i))
                    .append(world.item("rust", Split.PROBE, i));
        }
        return text.toString();
    }
}
