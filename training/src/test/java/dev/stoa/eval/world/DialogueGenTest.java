// SPDX-License-Identifier: Apache-2.0
package dev.stoa.eval.world;

import static org.assertj.core.api.Assertions.assertThat;

import dev.stoa.eval.world.DialogueGen.Episode;
import dev.stoa.eval.world.DialogueGen.Fact;
import dev.stoa.eval.world.DialogueGen.Question;
import dev.stoa.eval.world.DialogueGen.Turn;
import dev.stoa.eval.world.DialogueGen.Type;
import java.util.EnumMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.junit.jupiter.api.Test;

class DialogueGenTest {
    private static final DialogueGen DIALOGUES = DialogueGen.of(World.tiny(42));

    @Test
    void anEpisodeHasItsShapeAndRepeats() {
        Episode episode = DIALOGUES.episode(3);
        assertThat(episode.turns()).hasSize(140);
        for (int i = 0; i < 140; i++) {
            assertThat(episode.turns().get(i).index()).isEqualTo(i);
            assertThat(episode.turns().get(i).session()).isEqualTo(i / 14);
            assertThat(episode.turns().get(i).role()).isEqualTo(i % 2 == 0 ? "user" : "assistant");
        }
        assertThat(DIALOGUES.episode(3)).isEqualTo(episode);
        assertThat(DIALOGUES.episode(4)).isNotEqualTo(episode);
        assertThat(DIALOGUES.episode(0, 715, 14).turns()).hasSize(10_010);
    }

    @Test
    void goldAnswersFollowFromTheTurns() {
        Map<Type, Integer> types = new EnumMap<>(Type.class);
        for (int e = 0; e < 40; e++) {
            Episode episode = DIALOGUES.episode(e);
            for (Question question : episode.questions()) {
                types.merge(question.type(), 1, Integer::sum);
                List<Turn> told = episode.turns().stream().filter(turn -> turn.role().equals("user")
                        && Words.split(turn.text()).containsAll(List.of(question.entity(), question.predicate())))
                                .toList();
                switch (question.type()) {
                    case SINGLE_HOP -> assertThat(told).hasSize(1);
                    case TRACKING -> assertThat(told).hasSize(2);
                    case DELETION -> assertThat(told.getLast().forgets())
                            .isEqualTo(told.subList(0, told.size() - 1).stream().map(Turn::index).toList())
                                    .isNotEmpty();
                    case ABSENCE -> assertThat(told).isEmpty();
                }
                if (question.answer().equals(Reader.UNKNOWN)) {
                    assertThat(question.support()).isEmpty();
                } else {
                    assertThat(question.support()).containsExactly(told.getLast().index());
                    assertThat(told.getLast().text()).endsWith(" " + question.answer());
                }
            }
        }
        assertThat(types).containsOnlyKeys(Type.values());
        assertThat(types.get(Type.SINGLE_HOP)).isGreaterThan(types.get(Type.DELETION));
    }

    @Test
    void questionsAreParaphrasedAndHaveDistractors() {
        int distracted = 0;
        int asked = 0;
        int hard = 0;
        for (int e = 0; e < 20; e++) {
            Episode episode = DIALOGUES.episode(e);
            Set<String> statementWords = new HashSet<>();
            episode.turns().forEach(turn -> statementWords.addAll(Words.split(turn.text())));
            for (Question question : episode.questions()) {
                assertThat(Words.split(question.text())).contains(question.entity())
                        .doesNotContain(question.predicate());
                assertThat(Words.split(question.plain())).contains(question.entity(), question.predicate());
                asked++;
                boolean other = episode.facts().stream().anyMatch(fact ->
                        fact.predicate().equals(question.predicate()) && !fact.entity().equals(question.entity()));
                if (other) distracted++;
                if (question.hard() != null) {
                    hard++;
                    assertThat(other).as("a hard question names nobody").isFalse();
                    assertThat(Words.split(question.hard())).doesNotContain(question.entity(), question.predicate());
                }
            }
        }
        assertThat(distracted).isGreaterThan(asked * 8 / 10);
        assertThat(hard).isGreaterThan(10);
    }

    @Test
    void factsHaveIntervalsThatDoNotOverlap() {
        Episode episode = DIALOGUES.episode(0, 100, 14);
        for (Fact fact : episode.facts()) {
            assertThat(fact.fromTurn()).isLessThan(fact.toTurn());
            for (Fact other : episode.facts()) {
                if (other == fact || !other.entity().equals(fact.entity())
                        || !other.predicate().equals(fact.predicate())) continue;
                assertThat(other.fromTurn() >= fact.toTurn() || other.toTurn() <= fact.fromTurn()).isTrue();
            }
        }
    }

    @Test
    void predicatesHaveTwentyPhrasingsAndDistinctWords() {
        Predicates predicates = Predicates.standard();
        assertThat(predicates.predicates()).hasSize(12);
        assertThat(predicates.questions()).hasSize(20).doesNotHaveDuplicates();
        assertThat(predicates.heldOutQuestions()).hasSize(6);
        Set<String> words = new HashSet<>();
        for (Predicates.Predicate predicate : predicates.predicates()) {
            assertThat(words.add(predicate.name())).isTrue();
            assertThat(predicate.aliases()).allMatch(words::add);
        }
        assertThat(predicates.statements()).allMatch(form -> form.endsWith("{v}"));
        assertThat(predicates.update()).allMatch(form -> form.endsWith("{v}"));
    }
}
