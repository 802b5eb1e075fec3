// SPDX-License-Identifier: Apache-2.0
package dev.stoa.memory;

import dev.stoa.eval.world.Predicates;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;

/// A generated conversation over invented entities: statements, updates, withdrawals, distractors with the same predicate
/// on another entity, small talk; and questions in held-out phrasings that name the entity and an alias of the predicate.
final class Dialogue {
    /// `turn` is the index of the turn that states the answer, -1 when the answer is not known (never told, withdrawn).
    record Question(String text, String entity, String predicate, String answer, int turn, String kind) {}

    final List<String> turns = new ArrayList<>();
    final List<Question> questions = new ArrayList<>();
    private final SplittableRandom random;
    private final Predicates world = Predicates.standard();

    /// The rules memory gets: the predicates with their aliases, and the sentences that state or withdraw.
    static PredicateTable rules() {
        Predicates world = Predicates.standard();
        List<String> statements = new ArrayList<>(world.statements());
        statements.addAll(world.update());
        return new PredicateTable(
                world.predicates().stream().map(p -> new PredicateTable.Predicate(p.name(), p.aliases(), p.functional())).toList(),
                statements, world.retract());
    }

    Dialogue(int length, int entities, long seed, boolean heldOut) {
        random = new SplittableRandom(seed);
        List<String> names = new ArrayList<>();
        for (int i = 0; i < entities; i++) names.add(word(i + 1000 * seed));
        Map<String, String> value = new LinkedHashMap<>(); // "entity predicate" -> value, null once withdrawn
        Map<String, Integer> turn = new LinkedHashMap<>();
        Map<String, Integer> changes = new LinkedHashMap<>();
        while (turns.size() < length) {
            double draw = random.nextDouble();
            Predicates.Predicate predicate = pick(world.predicates());
            String key = pick(names) + " " + predicate.name();
            String entity = key.split(" ")[0];
            if (draw < 0.35) {
                turns.add(pick(world.smallTalk()));
            } else if (draw < 0.42 && value.get(key) != null) {
                turns.add(fill(pick(world.retract()), entity, predicate.name(), ""));
                value.put(key, null);
            } else {
                String said = word(random.nextLong() | 1L << 40);
                boolean update = value.get(key) != null;
                turns.add(fill(pick(update ? world.update() : world.statements()), entity, predicate.name(), said));
                if (update) changes.merge(key, 1, Integer::sum);
                value.put(key, said);
                turn.put(key, turns.size() - 1);
            }
        }
        value.forEach((key, answer) -> {
            String[] parts = key.split(" ");
            String kind = answer == null ? "deletion" : changes.containsKey(key) ? "tracking" : "single";
            questions.add(question(parts[0], parts[1], answer, answer == null ? -1 : turn.get(key), kind, heldOut));
        });
        for (int i = 0; i < Math.max(4, questions.size() / 8); i++) {
            boolean stranger = i % 2 == 0;
            String entity = stranger ? word(random.nextLong() | 1L << 41) : pick(names);
            String predicate = pick(world.predicates()).name();
            if (!value.containsKey(entity + " " + predicate)) questions.add(question(entity, predicate, null, -1, "absence", heldOut));
        }
    }

    private Question question(String entity, String predicate, String answer, int turn, String kind, boolean heldOut) {
        List<String> forms = heldOut ? world.questions().subList(14, 20) : world.questions().subList(0, 14);
        Predicates.Predicate asked = world.predicates().stream().filter(p -> p.name().equals(predicate)).findFirst().orElseThrow();
        String named = heldOut || random.nextBoolean() ? pick(asked.aliases()) : predicate;
        return new Question(fill(pick(forms), entity, named, ""), entity, predicate, answer, turn, kind);
    }

    private <T> T pick(List<T> list) {
        return list.get(random.nextInt(list.size()));
    }

    private static String fill(String template, String entity, String predicate, String value) {
        return template.replace("{e}", entity).replace("{p}", predicate).replace("{v}", value);
    }

    private static String word(long n) {
        SplittableRandom letters = new SplittableRandom(n);
        StringBuilder word = new StringBuilder();
        for (int i = 0; i < 3; i++) {
            word.append("bdfgklmnprstvz".charAt(letters.nextInt(14))).append("aeiou".charAt(letters.nextInt(5)));
        }
        return word.toString() + "kpx".charAt(letters.nextInt(3));
    }
}
