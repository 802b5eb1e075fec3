// SPDX-License-Identifier: Apache-2.0
package dev.stoa.memory;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
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

    /// Beside the formula written out for every document, after inserts, replacements and removals.
    @Test
    void manyDocumentsScoreAsOneByOne() {
        Random random = new Random(3);
        TextIndex index = new TextIndex();
        Map<String, List<String>> documents = new HashMap<>();
        for (int round = 0; round < 3_000; round++) {
            String id = "d" + random.nextInt(400);
            if (random.nextInt(4) == 0) {
                index.remove(id);
                documents.remove(id);
                continue;
            }
            List<String> words = new ArrayList<>();
            for (int i = 0; i <= random.nextInt(12); i++) words.add("w" + (int) Math.pow(60, random.nextDouble()));
            index.insert(id, String.join(" ", words));
            documents.put(id, words);
        }
        assertThat(index.documents()).isEqualTo(documents.size());
        double average = documents.values().stream().mapToInt(List::size).average().orElseThrow();
        for (int round = 0; round < 50; round++) {
            Map<String, Double> query = new LinkedHashMap<>();
            for (int i = 0; i < 4; i++) query.put("w" + (int) Math.pow(60, random.nextDouble()), .5 + random.nextInt(2));
            int modulus = 1 + random.nextInt(3);
            List<TextIndex.Hit> expected = new ArrayList<>();
            documents.forEach((id, words) -> {
                double score = 0;
                for (Map.Entry<String, Double> one : query.entrySet()) {
                    long n = documents.values().stream().filter(other -> other.contains(one.getKey())).count();
                    long count = words.stream().filter(one.getKey()::equals).count();
                    double idf = Math.log(1 + (documents.size() - n + .5) / (n + .5));
                    score += one.getValue() * idf * count * 2.2 / (count + 1.2 * (.25 + .75 * words.size() / average));
                }
                if (score > 0 && id.hashCode() % modulus == 0) expected.add(new TextIndex.Hit(id, score));
            });
            expected.sort(Comparator.comparingDouble(TextIndex.Hit::score).reversed().thenComparing(TextIndex.Hit::id));
            List<TextIndex.Hit> hits = index.search(query, 10, id -> id.hashCode() % modulus == 0);
            assertThat(hits).hasSize(Math.min(10, expected.size()));
            for (int i = 0; i < hits.size(); i++) assertThat(hits.get(i).score()).isCloseTo(expected.get(i).score(), within(1e-9));
        }
    }

    @Test
    void equalScoresComeById() {
        TextIndex index = new TextIndex();
        for (int i = 9; i >= 0; i--) index.insert("d" + i, "same words");
        assertThat(index.search(Map.of("same", 1.0), 3, id -> !id.equals("d1"))).extracting(TextIndex.Hit::id).containsExactly("d0", "d2", "d3");
    }

    @Test
    void wordsAreLettersAndDigits() {
        assertThat(TextIndex.words("Ünïcode r2-d2, 8443!")).containsExactly("ünïcode", "r2", "d2", "8443");
    }
}
