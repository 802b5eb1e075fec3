// SPDX-License-Identifier: Apache-2.0
package dev.stoa.demo;

import dev.stoa.adapter.AdapterSet;
import dev.stoa.eval.world.Domain;
import dev.stoa.eval.world.Item;
import dev.stoa.eval.world.Split;
import dev.stoa.eval.world.World;
import dev.stoa.format.Sha256;
import dev.stoa.generate.Compose;
import java.io.IOException;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/// Does everything that must not depend on chance a second time and compares hashes (claim D16): the world, its
/// tokenizer, and the answers of base and experts from a freshly loaded engine, in another order and batching.
final class ReproducePhase implements Phase<ReproducePhase.Result> {
    private static final int ITEMS = 24;

    /// First and second hash of each thing.
    record Pair(String first, String second) {
        boolean equal() {
            return first.equals(second);
        }
    }

    record Result(Map<String, Pair> hashes, int answers) {}

    private final WorldPhase.Result world;

    ReproducePhase(WorldPhase.Result world) {
        this.world = world;
    }

    @Override
    public String name() {
        return "9-reproduce";
    }

    @Override
    public String title() {
        return "reproducibility";
    }

    @Override
    public int budgetSeconds() {
        return 10;
    }

    @Override
    public Class<Result> resultType() {
        return Result.class;
    }

    @Override
    public Result run(Workbench bench) throws IOException {
        Map<String, Pair> hashes = new LinkedHashMap<>();
        hashes.put("world", new Pair(world.worldHash(), World.of(bench.options.seed(), bench.options.size()).hash()));
        hashes.put("tokenizer", new Pair(world.tokenizerHash(), Sha256.hex(WorldPhase.tokenizerJson(bench))));
        List<Question> questions = questions(bench);
        String first = answers(bench, questions);
        bench.closeEngine();
        String second = answers(bench, questions.reversed());
        hashes.put("answers", new Pair(first, second));
        return new Result(hashes, questions.size());
    }

    private record Question(String id, String expert, Item item) {}

    /// Questions to the base and to every domain's expert.
    private static List<Question> questions(Workbench bench) {
        List<Question> questions = new ArrayList<>();
        for (Domain domain : bench.world.domains()) {
            for (int i = 0; i < ITEMS; i++) {
                questions.add(new Question(domain.name() + "/" + i, i % 4 == 0 ? null : domain.name(),
                        bench.world.question(domain.name(), Split.TEST, i)));
            }
        }
        return questions;
    }

    /// Hash over all answers by question, asked in the given order and in batches of one set of experts.
    private static String answers(Workbench bench, List<Question> questions) throws IOException {
        Map<String, String> byId = new TreeMap<>();
        Scoring scoring = new Scoring(bench);
        Map<String, List<Question>> bySet = new LinkedHashMap<>();
        for (Question question : questions) bySet.computeIfAbsent(String.valueOf(question.expert()), name -> new ArrayList<>()).add(question);
        for (List<Question> batch : bySet.values()) {
            String expert = batch.getFirst().expert();
            AdapterSet set = expert == null ? AdapterSet.BASE : AdapterSet.of(Mounted.load(bench, expert));
            List<String> answers = scoring.answers(batch.stream().map(Question::item).toList(), set, Compose.SUM);
            for (int i = 0; i < answers.size(); i++) byId.put(batch.get(i).id(), answers.get(i));
        }
        Sha256 sum = new Sha256();
        byId.forEach((id, answer) -> sum.text(id).text(answer));
        return sum.hex();
    }

    Claim claim(Result result) {
        List<String> different = result.hashes().entrySet().stream().filter(entry -> !entry.getValue().equal()).map(Map.Entry::getKey).toList();
        return Claim.required("D16", "a second run gives equal hashes", different.isEmpty(), result.hashes().size() - different.size(), null,
                result.hashes().size(), null, different.isEmpty() ? result.answers() + " answers, world and tokenizer equal" : "different: " + different);
    }
}
