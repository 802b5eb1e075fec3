// SPDX-License-Identifier: Apache-2.0
package dev.stoa.eval.world;

import dev.stoa.eval.SplitMix64;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.IntStream;

/// Episodes of dialogue with planted facts: statements, updates, requests to forget, small talk, and questions with
/// gold answers. Immutable and thread-safe; episode j depends on (seed, j, shape) alone.
public final class DialogueGen {
    private static final double FACT_SHARE = .45;
    private static final double UPDATED = .25;
    private static final double FORGOTTEN = .15;
    private static final int ENTITIES_PER_PREDICATE = 2;
    private static final int ALONE = 2;

    /// What a question needs: a told fact, the newest of several values, nothing because it was to be
    /// forgotten, nothing because it was never told.
    public enum Type { SINGLE_HOP, TRACKING, DELETION, ABSENCE }

    /// One utterance; `index` counts through the episode. `forgets` names the turns a user asked to forget.
    public record Turn(int session, int index, String role, String text, List<Integer> forgets) {}

    /// A value an entity had from one turn up to another (exclusive; the number of turns when it still holds).
    public record Fact(String entity, String predicate, String value, int fromTurn, int toTurn) {}

    /// @param text    a held-out phrasing with the entity's name and an alias of the predicate
    /// @param plain   a phrasing that may be trained on
    /// @param hard    a phrasing that shares no content word with any statement; null where it would be ambiguous
    /// @param answer  gold, `unknown` for deletion and absence
    /// @param support turns that tell the answer
    public record Question(
            Type type, String text, String plain, String hard, String answer, String entity, String predicate,
            List<Integer> support) {}

    public record Episode(List<Turn> turns, List<Fact> facts, List<Question> questions) {}

    private final long seed;
    private final Words words;
    private final int usedKeys;
    private final Predicates predicates = Predicates.standard();

    private DialogueGen(long seed, Words words, int usedKeys) {
        this.seed = seed;
        this.words = words;
        this.usedKeys = usedKeys;
    }

    public static DialogueGen of(World world) {
        return new DialogueGen(world.seed(), world.words(), world.tables().usedKeys());
    }

    /// Ten sessions of fourteen turns.
    public Episode episode(long index) {
        return episode(index, 10, 14);
    }

    /// An episode of another shape; the number of facts grows with its turns. User and assistant take
    /// turns.
    public Episode episode(long index, int sessions, int turnsPerSession) {
        int userTurns = sessions * turnsPerSession / 2;
        SplitMix64 random = SplitMix64.of(seed, "dialogue/" + index + "/" + sessions + "x" + turnsPerSession);
        int chains = Math.max(ENTITIES_PER_PREDICATE, (int) (userTurns * FACT_SHARE / (1 + UPDATED + FORGOTTEN)));
        Map<String, List<String>> holders = holders(random, chains);
        List<Integer> slots = random.shuffled(IntStream.range(0, userTurns).boxed().toList());
        Map<Integer, Turn> said = new TreeMap<>();
        List<Fact> facts = new ArrayList<>();
        List<Question> questions = new ArrayList<>();
        int free = 0;
        for (Map.Entry<String, List<String>> entry : holders.entrySet()) {
            for (String entity : entry.getValue()) {
                boolean updated = random.chance(UPDATED);
                boolean forgotten = random.chance(FORGOTTEN);
                int length = 1 + (updated ? 1 : 0) + (forgotten ? 1 : 0);
                if (free + length > slots.size()) break;
                List<Integer> at = slots.subList(free, free += length).stream().map(slot -> 2 * slot).sorted().toList();
                Chain chain = new Chain(entity, predicate(entry.getKey()), updated, forgotten, at);
                tell(random, chain, turnsPerSession, 2 * userTurns, said, facts);
                questions.add(question(random, chain, facts.getLast(), entry.getValue().size() == 1));
            }
        }
        for (int i = 0; i < Math.max(1, chains / 8); i++) questions.add(absence(random, holders));
        List<Turn> turns = new ArrayList<>();
        for (int i = 0; i < userTurns; i++) {
            int session = 2 * i / turnsPerSession;
            turns.add(said.getOrDefault(2 * i,
                    new Turn(session, 2 * i, "user", random.pick(predicates.smallTalk()), List.of())));
            String reply = said.containsKey(2 * i) ? "noted" : "all right";
            turns.add(new Turn(session, 2 * i + 1, "assistant", reply, List.of()));
        }
        return new Episode(List.copyOf(turns), List.copyOf(facts), List.copyOf(questions));
    }

    /// A fact's life in the episode: when it is told, changed, to be forgotten.
    private record Chain(String entity, Predicates.Predicate predicate, boolean updated, boolean forgotten,
            List<Integer> at) {}

    /// Which entities hold each predicate: at least two, so that similarity alone does not find the answer, but for the
    /// last two predicates, whose one entity a question need not name.
    private Map<String, List<String>> holders(SplitMix64 random, int chains) {
        int perPredicate = Math.max(ENTITIES_PER_PREDICATE, chains / predicates.predicates().size() + 1);
        List<String> entities = words.fresh(random, usedKeys, Math.max(perPredicate + 1, chains / 3));
        Map<String, List<String>> holders = new LinkedHashMap<>();
        int drawn = 0;
        for (Predicates.Predicate predicate : random.shuffled(predicates.predicates())) {
            boolean alone = holders.size() >= predicates.predicates().size() - ALONE;
            int count = alone ? 1 : Math.min(perPredicate, chains - drawn);
            if (!alone && count < ENTITIES_PER_PREDICATE) break;
            List<String> chosen = random.shuffled(entities).subList(0, count);
            holders.put(predicate.name(), chosen);
            drawn += chosen.size();
        }
        return holders;
    }

    private void tell(SplitMix64 random, Chain chain, int turnsPerSession, int end, Map<Integer, Turn> said,
            List<Fact> facts) {
        List<String> values = random.shuffled(words.values());
        List<Integer> told = new ArrayList<>();
        for (int i = 0; i < chain.at().size(); i++) {
            int turn = chain.at().get(i);
            boolean forgets = chain.forgotten() && i == chain.at().size() - 1;
            List<String> forms = forgets ? predicates.retract()
                    : i == 0 ? predicates.statements() : predicates.update();
            String text = Predicates.fill(random.pick(forms), chain.entity(), chain.predicate().name(), values.get(i));
            List<Integer> forgotten = forgets ? List.copyOf(told) : List.of();
            said.put(turn, new Turn(turn / turnsPerSession, turn, "user", text, forgotten));
            if (forgets) continue;
            int to = i + 1 < chain.at().size() ? chain.at().get(i + 1) : end;
            facts.add(new Fact(chain.entity(), chain.predicate().name(), values.get(i), turn, to));
            told.add(turn);
        }
    }

    private Question question(SplitMix64 random, Chain chain, Fact last, boolean alone) {
        Type type = chain.forgotten() ? Type.DELETION : chain.updated() ? Type.TRACKING : Type.SINGLE_HOP;
        return asked(random, type, chain.entity(), chain.predicate(), chain.forgotten() ? Reader.UNKNOWN : last.value(),
                chain.forgotten() ? List.of() : List.of(last.fromTurn()), alone);
    }

    /// A predicate that is told of others, asked of an entity it was never told of.
    private Question absence(SplitMix64 random, Map<String, List<String>> holders) {
        Map.Entry<String, List<String>> asked = random.pick(List.copyOf(holders.entrySet()));
        String stranger;
        do stranger = words.fresh(random, usedKeys);
        while (asked.getValue().contains(stranger));
        return asked(random, Type.ABSENCE, stranger, predicate(asked.getKey()), Reader.UNKNOWN, List.of(), false);
    }

    private Question asked(SplitMix64 random, Type type, String entity, Predicates.Predicate predicate, String answer,
            List<Integer> support, boolean alone) {
        String alias = random.pick(predicate.aliases());
        String text = Predicates.fill(random.pick(predicates.heldOutQuestions()), entity, alias, "");
        String plain = Predicates.fill(random.pick(predicates.trainedQuestions()), entity, predicate.name(), "");
        String hard = alone ? predicate.hard() : null;
        return new Question(type, text, plain, hard, answer, entity, predicate.name(), support);
    }

    private Predicates.Predicate predicate(String name) {
        return predicates.predicates().stream().filter(predicate -> predicate.name().equals(name)).findFirst()
                .orElseThrow();
    }
}
