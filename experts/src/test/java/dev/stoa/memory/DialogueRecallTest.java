// SPDX-License-Identifier: Apache-2.0
package dev.stoa.memory;

import static org.assertj.core.api.Assertions.assertThat;

import dev.stoa.eval.world.DialogueGen;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// Questions in phrasings and words that never occur in the stored text, over dialogues of 140 and 1,000 turns.
class DialogueRecallTest {
    @TempDir
    Path root;

    private final TenantContext tenant = TenantContext.of("t");

    /// asked, right first, among the first five (known answers); asked, nothing returned (forgotten or never told)
    private record Score(int known, int first, int five, int unknown, int silent) {
        Score plus(Score o) {
            return new Score(known + o.known, first + o.first, five + o.five, unknown + o.unknown, silent + o.silent);
        }
    }

    private Score score(String name, List<DialogueGen.Question> questions, List<DialogueGen.Turn> turns, PredicateTable rules)
            throws IOException {
        Score sum = new Score(0, 0, 0, 0, 0);
        try (EmbeddedMemory memory = Memories.open(root.resolve(name), rules)) {
            List<String> ids = Memories.remember(memory, tenant, turns);
            for (DialogueGen.Question question : questions) {
                List<RecallResult.Item> items = memory.recall(tenant, RecallQuery.of(question.text()).k(5)).items();
                int turn = Dialogues.gold(question);
                if (turn < 0) {
                    sum = sum.plus(new Score(0, 0, 0, 1, items.isEmpty() ? 1 : 0));
                    continue;
                }
                boolean first = !items.isEmpty() && items.getFirst().id().equals(ids.get(turn));
                boolean five = items.stream().anyMatch(item -> item.id().equals(ids.get(turn)));
                sum = sum.plus(new Score(1, first ? 1 : 0, five ? 1 : 0, 0, 0));
            }
        }
        return sum;
    }

    @Test
    void findsWhatWasSaidAndNothingThatWasWithdrawn() throws IOException {
        Score sum = new Score(0, 0, 0, 0, 0);
        for (int j = 100; j < 116; j++) {
            DialogueGen.Episode episode = j == 115 ? Dialogues.GEN.episode(j, 10, 100) : Dialogues.GEN.episode(j);
            for (DialogueGen.Question question : episode.questions()) {
                assertThat(episode.turns()).noneMatch(turn -> turn.text().contains(question.text()));
            }
            sum = sum.plus(score("d" + j, episode.questions(), episode.turns(), Dialogues.rules()));
        }
        assertThat(sum.known()).isGreaterThan(300);
        assertThat(sum.unknown()).isGreaterThan(80);
        assertThat(sum.five()).as("recall@5 of %s", sum).isGreaterThanOrEqualTo((int) Math.ceil(0.95 * sum.known()));
        assertThat(sum.first()).as("the first note is the right one, %s", sum).isGreaterThanOrEqualTo((int) Math.ceil(0.95 * sum.known()));
        assertThat(sum.silent()).as("forgotten or never told, %s", sum).isGreaterThanOrEqualTo((int) Math.ceil(0.95 * sum.unknown()));
    }

    @Test
    void controlsFindNothing() throws IOException {
        DialogueGen.Episode episode = Dialogues.GEN.episode(200);
        List<DialogueGen.Turn> shuffled = new ArrayList<>(episode.turns());
        Collections.shuffle(shuffled, new Random(1));
        Score mixed = score("shuffled", episode.questions(), shuffled, Dialogues.rules());
        assertThat(mixed.five()).as("gold positions over shuffled turns").isLessThan(mixed.known() / 3);
        Score without = score("norules", episode.questions(), episode.turns(), PredicateTable.EMPTY);
        assertThat(without.first()).as("the aliases are what the paraphrases need").isLessThan(without.known() / 2);
        Score other = score("other", episode.questions(), Dialogues.GEN.episode(201).turns(), Dialogues.rules());
        assertThat(other.five()).as("another conversation holds no answer").isZero();
        assertThat(other.silent()).isGreaterThanOrEqualTo(other.unknown() * 8 / 10);
    }
}
