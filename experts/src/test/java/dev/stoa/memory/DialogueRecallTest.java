// SPDX-License-Identifier: Apache-2.0
package dev.stoa.memory;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// Questions in phrasings and words that never occur in the stored text, over dialogues of 140 and 1,000 turns.
class DialogueRecallTest {
    @TempDir
    Path root;

    private final TenantContext tenant = TenantContext.of("t");

    /// asked, right first, among the first five (known answers); asked, nothing returned (unknown ones)
    private record Score(int known, int first, int five, int unknown, int silent) {}

    private Score score(Path directory, Dialogue dialogue, List<String> turns, PredicateTable rules) throws IOException {
        int[] count = new int[5];
        try (EmbeddedMemory memory = Memories.open(directory, rules)) {
            List<String> ids = Memories.remember(memory, tenant, turns);
            for (Dialogue.Question question : dialogue.questions) {
                List<RecallResult.Item> items = memory.recall(tenant, RecallQuery.of(question.text()).k(5)).items();
                if (question.turn() < 0) {
                    count[3]++;
                    if (items.isEmpty()) count[4]++;
                    continue;
                }
                count[0]++;
                String gold = ids.get(question.turn());
                if (!items.isEmpty() && items.getFirst().id().equals(gold)) count[1]++;
                if (items.stream().anyMatch(item -> item.id().equals(gold))) count[2]++;
            }
        }
        return new Score(count[0], count[1], count[2], count[3], count[4]);
    }

    @Test
    void findsWhatWasSaidAndNothingThatWasWithdrawn() throws IOException {
        Map<String, Integer> sum = new TreeMap<>();
        for (int seed = 201; seed <= 208; seed++) {
            Dialogue dialogue = new Dialogue(seed == 208 ? 1_000 : 140, seed == 208 ? 30 : 6, seed, true);
            for (Dialogue.Question question : dialogue.questions) {
                assertThat(dialogue.turns).noneMatch(turn -> turn.contains(question.text()));
            }
            Score score = score(root.resolve("d" + seed), dialogue, dialogue.turns, Dialogue.rules());
            sum.merge("known", score.known(), Integer::sum);
            sum.merge("first", score.first(), Integer::sum);
            sum.merge("five", score.five(), Integer::sum);
            sum.merge("unknown", score.unknown(), Integer::sum);
            sum.merge("silent", score.silent(), Integer::sum);
        }
        assertThat(sum.get("known")).isGreaterThan(400);
        assertThat(sum.get("unknown")).isGreaterThan(40);
        assertThat(sum.get("five")).as("recall@5").isGreaterThanOrEqualTo((int) (0.95 * sum.get("known")));
        assertThat(sum.get("first")).as("the first note is the right one").isGreaterThanOrEqualTo((int) (0.95 * sum.get("known")));
        assertThat(sum.get("silent")).as("withdrawn or never told").isGreaterThanOrEqualTo((int) (0.95 * sum.get("unknown")));
    }

    @Test
    void controlsFindNothing() throws IOException {
        Dialogue dialogue = new Dialogue(140, 6, 301, true);
        List<String> shuffled = new ArrayList<>(dialogue.turns);
        SplittableRandom random = new SplittableRandom(1);
        for (int i = shuffled.size() - 1; i > 0; i--) Collections.swap(shuffled, i, random.nextInt(i + 1));
        Score mixed = score(root.resolve("shuffled"), dialogue, shuffled, Dialogue.rules());
        assertThat(mixed.five()).as("gold positions over shuffled turns").isLessThan(mixed.known() / 3);
        Score without = score(root.resolve("norules"), dialogue, dialogue.turns, PredicateTable.EMPTY);
        assertThat(without.first()).as("the aliases are what the paraphrases need").isLessThan(without.known() / 2);
        Dialogue stranger = new Dialogue(140, 6, 302, true);
        Score other = score(root.resolve("other"), dialogue, stranger.turns, Dialogue.rules());
        assertThat(other.five()).as("another conversation holds no answer").isZero();
        assertThat(other.silent()).isGreaterThan(other.unknown() * 8 / 10);
    }
}
