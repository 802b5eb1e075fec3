// SPDX-License-Identifier: Apache-2.0
package dev.stoa.eval.world;

import dev.stoa.eval.SplitMix64;
import dev.stoa.eval.verify.Family;
import java.util.ArrayList;
import java.util.List;

/// The reading format taught to the base: `notes: …; …; q: …` is answered from the first note, `notes: none; q: …`
/// with `unknown`. Ranking the notes, and saying that none fits, is memory's job.
public final class Reader {
    /// The answer when there is no note.
    public static final String UNKNOWN = "unknown";
    private static final double NONE_SHARE = .15;
    private static final int MAX_NOTES = 3;
    private final Predicates predicates;
    private final Words words;
    private final int usedKeys;

    Reader(Predicates predicates, Words words, int usedKeys) {
        this.predicates = predicates;
        this.words = words;
        this.usedKeys = usedKeys;
    }

    /// The prompt for some notes, most relevant first, and a question.
    public static String prompt(List<String> notes, String question) {
        return "notes: " + (notes.isEmpty() ? "none" : String.join("; ", notes)) + "; q: " + question;
    }

    /// A drawn reading task over fresh entities; split `PARAPHRASE` asks with held-out phrasings and aliases.
    Item item(SplitMix64 random, Split split) {
        boolean heldOut = split == Split.PARAPHRASE;
        int count = 1 + random.below(MAX_NOTES);
        List<String> entities = words.fresh(random, usedKeys, count);
        List<String> notes = new ArrayList<>();
        Predicates.Predicate asked = random.pick(predicates.predicates());
        String answer = random.pick(words.values());
        for (String entity : entities) {
            boolean first = notes.isEmpty();
            String predicate = first || random.chance(.5) ? asked.name() : random.pick(predicates.predicates()).name();
            List<String> forms = random.chance(.2) ? predicates.update() : predicates.statements();
            String form = random.pick(forms);
            notes.add(Predicates.fill(form, entity, predicate, first ? answer : random.pick(words.values())));
        }
        String question = Predicates.fill(
                random.pick(heldOut ? predicates.heldOutQuestions() : predicates.trainedQuestions()),
                entities.getFirst(), heldOut ? random.pick(asked.aliases()) : asked.name(), "");
        if (random.chance(NONE_SHARE)) {
            notes.clear();
            answer = UNKNOWN;
        }
        return Item.of(prompt(notes, question),
                new Part(null, Kind.READER, Family.WORD, "", 0, "", prompt(notes, question), answer));
    }
}
