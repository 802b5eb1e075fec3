// SPDX-License-Identifier: Apache-2.0
package dev.stoa.eval.world;

import dev.stoa.eval.SplitMix64;
import dev.stoa.eval.verify.Family;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/// Answers of one family in the surface syntax of every domain that has it, for audits. Stateless.
final class Answers {
    private static final List<AnswerPattern> PLAIN = List.of(new AnswerPattern("{v}"), new AnswerPattern("{p} {q}"));

    private Answers() {}

    /// Answers that are different in meaning, in turn over the catalog's domains of the family.
    static List<String> of(Family family, Words words, long seed, int count) {
        List<AnswerPattern> patterns = family == Family.WORD ? PLAIN : Catalog.standard().domains().stream()
                .filter(domain -> domain.family() == family).map(Domain::answer).toList();
        SplitMix64 random = SplitMix64.of(seed, "answers/" + family.id());
        List<String> answers = new ArrayList<>();
        int start = random.below(Words.VALUES);
        for (int i = 0; i < count; i++) {
            int value = (start + i) % Words.VALUES;
            int a = 1 + random.below(97);
            String name = (char) ('a' + i / 10 % 13) + Integer.toString(i % 10);
            Map<String, String> slots = Map.of("v", words.word(value), "k", words.key(random.below(500)), "i", name,
                    "a", Integer.toString(a), "b", Integer.toString(a + 2),
                    "p", Integer.toString(Words.factor(value)), "q", Integer.toString(Words.constant(value)));
            answers.add(patterns.get(i % patterns.size()).fill(slots));
        }
        return answers.stream().distinct().toList();
    }
}
