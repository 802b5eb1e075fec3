// SPDX-License-Identifier: Apache-2.0
package dev.stoa.memory;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

class TextIndexTest {
    @Test
    void scoresAsTheFormulaSays() {
        TextIndex index = new TextIndex();
        index.insert("a", "red red board");
        index.insert("b", "blue board");
        // N 2, n(red) 1, tf 2, length 3, average 2.5
        double idf = Math.log(1 + (2 - 1 + 0.5) / 1.5);
        double expected = idf * 2 * 2.2 / (2 + 1.2 * (0.25 + 0.75 * 3 / 2.5));
        List<TextIndex.Hit> hits = index.search(Map.of("red", 1.0), 5, id -> true);
        assertThat(hits).hasSize(1);
        assertThat(hits.getFirst().id()).isEqualTo("a");
        assertThat(hits.getFirst().score()).isCloseTo(expected, within(1e-12));
        assertThat(index.search(Map.of("red", 0.5), 5, id -> true).getFirst().score()).isCloseTo(expected / 2, within(1e-12));
    }

    @Test
    void rareWordsCountMoreAndRemovedDocumentsNothing() {
        TextIndex index = new TextIndex();
        index.insert("a", "the board of tomok");
        index.insert("b", "the board of lupan");
        index.insert("c", "the weather");
        assertThat(index.search(Map.of("the", 1.0, "tomok", 1.0), 3, id -> true).getFirst().id()).isEqualTo("a");
        assertThat(index.coverage("a", Map.of("tomok", 1.0, "board", 1.0))).isGreaterThan(index.coverage("b", Map.of("tomok", 1.0, "board", 1.0)));
        index.remove("a");
        index.insert("c", "other words");
        assertThat(index.search(Map.of("tomok", 1.0, "weather", 1.0), 3, id -> true)).isEmpty();
        assertThat(index.documents()).isEqualTo(2);
        assertThat(index.search(Map.of("board", 1.0), 3, id -> !id.equals("b"))).isEmpty();
        assertThat(index.coverage("a", Map.of("tomok", 1.0))).isZero();
    }

    @Test
    void wordsAreLettersAndDigits() {
        assertThat(TextIndex.words("Ünïcode r2-d2, 8443!")).containsExactly("ünïcode", "r2", "d2", "8443");
    }
}
