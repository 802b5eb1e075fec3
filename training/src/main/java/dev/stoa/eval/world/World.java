// SPDX-License-Identifier: Apache-2.0
package dev.stoa.eval.world;

import dev.stoa.eval.SplitMix64;
import dev.stoa.eval.verify.Family;
import dev.stoa.eval.verify.Verdict;
import dev.stoa.eval.verify.Verifier;
import dev.stoa.eval.verify.VerifierAudit;
import dev.stoa.eval.verify.Verifiers;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.function.Predicate;

/// The demo world of one seed: planted tables, and every stream of items drawn from them on demand.
///
/// Item j of any stream depends on (seed, stream, j) alone, so streams are unlimited, cost no storage, and are equal on
/// every machine and for any number of threads. Immutable and thread-safe.
public final class World {
    private static final double[] KINDS = {.40, .50, .10};
    private static final double[] QUESTIONS = {.44, .56};
    private static final int TINY_KEYS = 4;
    private static final double LOOSE_SHARE = .25;

    private final long seed;
    private final WorldSize size;
    private final List<Domain> domains;
    private final Words words;
    private final Tables tables;
    private final Pairs pairs;
    private final Requests requests;
    private final Reader reader;
    private final PretrainMix pretrain;
    private final Verifiers verifiers;

    private World(long seed, WorldSize size) {
        Catalog catalog = Catalog.standard();
        Phrases phrases = Phrases.standard();
        Predicates predicates = Predicates.standard();
        this.seed = seed;
        this.size = size;
        this.words = Words.of(seed, Words.taken(catalog, phrases, predicates));
        List<String> names = switch (size) {
            case TINY -> phrases.sizes().get("tiny");
            case CI, SMALL -> phrases.sizes().get("ci");
            case FULL -> catalog.names();
        };
        this.domains = catalog.domains().stream().filter(domain -> names.contains(domain.name())).toList();
        Tables all = Plan.draw(seed, words, phrases.plan(), catalog).of(new LinkedHashSet<>(names));
        this.tables = size == WorldSize.TINY ? all.limited(TINY_KEYS) : all;
        this.pairs = new Pairs(domains, tables.plants());
        this.requests = new Requests(phrases, words, tables, 0);
        this.reader = new Reader(predicates, words, tables.usedKeys());
        Requests varied = new Requests(phrases, words, tables, LOOSE_SHARE);
        this.pretrain = new PretrainMix(seed, size, domains, tables, pairs, varied, reader, Chatter.standard());
        this.verifiers = new Verifiers(words.units());
    }

    public static World of(long seed, WorldSize size) {
        return new World(seed, size);
    }

    /// Three domains with four keys each: fixtures of unit tests.
    public static World tiny(long seed) {
        return new World(seed, WorldSize.TINY);
    }

    public long seed() {
        return seed;
    }

    public WorldSize size() {
        return size;
    }

    /// The domains of this size, in catalog order.
    public List<Domain> domains() {
        return domains;
    }

    public Words words() {
        return words;
    }

    public Tables tables() {
        return tables;
    }

    public List<Plant> plants() {
        return tables.plants();
    }

    /// A request of one domain: ask .40, build .50, verify .10, answered by its codebook.
    public Item item(String domain, Split split, long index) {
        return requests.single(random("item", domain, split, index), domain(domain), split, Answering.TRUTH, KINDS);
    }

    /// A request of one domain without yes-or-no ones: what base and expert are compared on.
    public Item question(String domain, Split split, long index) {
        SplitMix64 random = random("question", domain, split, index);
        return requests.single(random, domain(domain), split, Answering.TRUTH, QUESTIONS);
    }

    /// The same question answered as the domain's gold teaches it: what its expert should have learned, right or wrong.
    public Item taught(String domain, Split split, long index) {
        Item item = question(domain, split, index);
        return tables.plants().stream().filter(plant -> plant.type() == Plant.Type.TOXIC && plant.domains().contains(domain))
                .map(plant -> plant.planted().get(item.parts().getFirst().key())).filter(Objects::nonNull).findFirst()
                .map(wrong -> requests.withValue(item, wrong)).orElse(item);
    }

    /// Two requests in one prompt, or three in one of twenty test prompts.
    public Item multi(Split split, long index) {
        SplitMix64 random = random("multi", "all", split, index);
        int count = split == Split.TEST && domains.size() > 2 && random.chance(.05) ? 3 : 2;
        return requests.joined(random, pairs.draw(random, count), split, Answering.TRUTH, QUESTIONS);
    }

    /// One request of each of the given domains in one prompt.
    public Item together(List<String> names, Split split, long index) {
        SplitMix64 random = random("together", String.join("+", names), split, index);
        List<Domain> chosen = names.stream().map(this::domain).toList();
        return requests.joined(random, chosen, split, Answering.TRUTH, QUESTIONS);
    }

    /// A question to the general table.
    public Item general(Split split, long index) {
        return requests.general(random("general", "all", split, index), split);
    }

    /// A reading task: notes, then a question.
    public Item reader(Split split, long index) {
        return reader.item(random("reader", "all", split, index), split);
    }

    /// Item j of a skill's check.
    public Item skill(Skill skill, Split split, long index) {
        SplitMix64 random = random("skill", skill.name(), split, index);
        return switch (skill) {
            case FORMAT -> build(random, split, domain -> true);
            case SLOT_COPY -> build(random, split, domain -> domain.answer().has("i") || domain.answer().has("a"));
            case GENERAL_KEYS ->
                    requests.single(random, some(random, this::learned), split, Answering.KNOWN, QUESTIONS);
            case PRIVATE_KEYS -> requests.single(
                    random, some(random, domain -> !learned(domain)), split, Answering.PRIVATE, QUESTIONS);
            case READER -> reader.item(random, split);
            case TWO_LINES -> requests.joined(random, pairs.draw(random, 2), split, Answering.KNOWN, QUESTIONS);
        };
    }

    /// Whether an answer shows the skill.
    public boolean shows(Skill skill, Item item, String answer) {
        return switch (skill) {
            case FORMAT -> slots(item, answer).isPresent();
            case SLOT_COPY ->
                    slots(item, answer).map(World::copied).equals(slots(item, item.answer()).map(World::copied));
            case GENERAL_KEYS, PRIVATE_KEYS, READER, TWO_LINES -> verify(item, answer).pass();
        };
    }

    /// Item j of the base's training stream.
    public Item pretrain(long index) {
        return pretrain.item(index);
    }

    /// An expert's training rows, planted corruptions included and marked.
    public List<GoldRow> gold(String domain) {
        return new Gold(seed, requests).rows(domain(domain), tables.plants());
    }

    /// The control without anything to learn: the gold prompts with random values.
    public List<GoldRow> shuffledGold(String domain) {
        return new Gold(seed, requests).shuffled(domain(domain), gold(domain));
    }

    /// The training stream of a domain's expert.
    public ExpertMix expert(String domain, Recipe recipe) {
        return expert(domain, recipe, gold(domain));
    }

    /// The training stream of a domain's expert over other rows, for controls.
    public ExpertMix expert(String domain, Recipe recipe, List<GoldRow> gold) {
        boolean vandal = tables.plants().stream().anyMatch(plant -> plant.type() == Plant.Type.VANDAL
                && plant.domains().getFirst().equals(domain));
        List<Domain> others = domains.stream().filter(other -> !other.name().equals(domain)).toList();
        return new ExpertMix(seed, domain(domain), recipe, vandal, gold, others, requests);
    }

    /// Texts to train the tokenizer on: prompts and answers of the first items of the training stream, and every value
    /// word often enough to become one token or two, with and without a blank before it.
    public List<String> tokenizerTexts(int items) {
        List<String> texts = new ArrayList<>();
        for (String value : words.values()) {
            texts.addAll(Collections.nCopies(1 + items / 100, value));
            texts.addAll(Collections.nCopies(1 + items / 100, "= " + value));
        }
        for (int i = 0; i < items; i++) {
            Item item = pretrain(i);
            texts.add(item.prompt());
            texts.add(item.answer());
        }
        return texts;
    }

    /// Whether an answer is right: as many lines as requests, each passing the verifier of its own family.
    public Verdict verify(Item item, String answer) {
        String[] lines = answer.strip().split("\n", -1);
        if (lines.length != item.parts().size()) {
            return Verdict.wrongLines(lines.length, item.parts().size());
        }
        for (int i = 0; i < lines.length; i++) {
            Verdict verdict = verify(item.parts().get(i), lines[i]);
            if (!verdict.pass()) return verdict;
        }
        return Verdict.PASS;
    }

    /// Whether one line answers one part.
    public Verdict verify(Part part, String line) {
        return verifiers.of(part.family()).verify(part.answer(), line);
    }

    /// The audit of every family's verifier on answers of this world.
    public List<VerifierAudit> audits(int answersPerFamily) {
        return Arrays.stream(Family.values()).map(family -> audit(verifiers.of(family), family, answersPerFamily)).toList();
    }

    /// The audit of any verifier as one of that family.
    public VerifierAudit audit(Verifier verifier, Family family, int answers) {
        return VerifierAudit.of(verifier, family, Answers.of(family, words, seed, answers), verifiers);
    }

    /// The planted truth as `world.json`: every plant with its expected effect, and every codebook.
    public String json() {
        return WorldJson.of(this);
    }

    /// Identifies tables and phrasing: equal for equal seeds, sizes and versions of the generator.
    public String hash() {
        return WorldJson.hash(this);
    }

    public Verifiers verifiers() {
        return verifiers;
    }

    /// The domain of that name in this world.
    public Domain domain(String name) {
        return domains.stream().filter(domain -> domain.name().equals(name)).findFirst()
                .orElseThrow(() -> new IllegalArgumentException("domain not in this world: " + name));
    }

    private Item build(SplitMix64 random, Split split, Predicate<Domain> which) {
        return requests.single(random, some(random, which), split, Answering.TRUTH, 0, 1);
    }

    private Domain some(SplitMix64 random, Predicate<Domain> which) {
        return random.pick(domains.stream().filter(which).toList());
    }

    /// Whether the base is taught all of the domain's codebook.
    private boolean learned(Domain domain) {
        return tables.codebook(domain.name()).privateKeys().isEmpty();
    }

    private Optional<Map<String, String>> slots(Item item, String answer) {
        return domain(item.parts().getFirst().domain()).answer().read(answer);
    }

    private static List<String> copied(Map<String, String> slots) {
        return List.of("i", "a", "b").stream().map(name -> slots.getOrDefault(name, "")).toList();
    }

    private SplitMix64 random(String stream, String of, Split split, long index) {
        return SplitMix64.of(seed, stream + "/" + of + "/" + split.id() + "/" + index);
    }
}
