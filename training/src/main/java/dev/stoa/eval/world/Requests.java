// SPDX-License-Identifier: Apache-2.0
package dev.stoa.eval.world;

import dev.stoa.eval.SplitMix64;
import dev.stoa.eval.verify.Family;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/// Draws requests and joins them to prompts: `opener, term term: request, tail`. Stateless.
///
/// Splits stay disjoint by word 13-grams: a prompt of one request has at most 13 words and its opener, variant and tail
/// decide its split; in a longer prompt every request belongs to the prompt's split by variant and key, and a window
/// of 13 words holds one of the keys with its variant, or else identifiers and numbers that do not repeat.
final class Requests {
    static final int MAX_WORDS = 13;
    private static final List<String> LETTERS = List.of("a", "b", "c", "d", "e", "g", "k", "m", "r", "t");
    private static final double GENERAL_SHARE = .45;

    private final Phrases phrases;
    private final Words words;
    private final Tables tables;
    private final double looseShare;

    /// `looseShare` of the requests of domains are phrased in words made up on the spot, which teaches the base to go by
    /// what a request holds instead of its verb.
    Requests(Phrases phrases, Words words, Tables tables, double looseShare) {
        this.phrases = phrases;
        this.words = words;
        this.tables = tables;
        this.looseShare = looseShare;
    }

    /// A prompt of one request; `kinds` weighs ask, build, verify.
    Item single(SplitMix64 random, Domain domain, Split split, Answering answering, double... kinds) {
        while (true) {
            Kind kind = kind(random, kinds);
            int variant = variant(random, split);
            String opener = random.pick(phrases.openers());
            String tail = random.pick(phrases.tails());
            if (!belongs(split, domain.name() + "|" + kind.id(), opener, variant, tail)) continue;
            Part part = part(random, domain, kind, variant, answering);
            String prompt = join(opener, List.of(part), tail);
            if (Words.count(prompt) <= MAX_WORDS) return Item.of(prompt, part);
        }
    }

    /// Whether a phrasing is one of the split's; the held-out variant is a split of its own.
    private static boolean belongs(Split split, String what, String opener, int variant, String tail) {
        String phrasing = String.join("|", what, opener, Integer.toString(variant), tail);
        return split == Split.PARAPHRASE || Split.of(SplitMix64.hash(phrasing)) == split;
    }

    /// One request of a longer prompt, in its split by domain, kind, variant and key.
    Part lane(SplitMix64 random, Domain domain, Split split, Answering answering, double... kinds) {
        while (true) {
            Kind kind = kind(random, kinds);
            int variant = variant(random, split);
            Part part = part(random, domain, kind, variant, answering);
            if (split == Split.PARAPHRASE || laneOf(part) == split) return part;
        }
    }

    /// The split of a request inside a longer prompt.
    static Split laneOf(Part part) {
        return Split.of(SplitMix64.hash(String.join("|", "part", part.domain(), part.kind().id(),
                Integer.toString(part.variant()), part.key())));
    }

    /// One drawn request of each domain in one prompt.
    Item joined(SplitMix64 random, List<Domain> domains, Split split, Answering answering, double... kinds) {
        return multi(random, domains.stream().map(domain -> lane(random, domain, split, answering, kinds)).toList());
    }

    Item multi(SplitMix64 random, List<Part> parts) {
        String prompt = join(random.pick(phrases.openers()), parts, random.pick(phrases.tails()));
        return new Item(prompt, String.join("\n", parts.stream().map(Part::answer).toList()), Kind.MULTI, parts);
    }

    /// A question to the general table, in the form of the key's owner.
    Item general(SplitMix64 random, Split split) {
        List<String> keys = List.copyOf(tables.general().keySet());
        while (true) {
            int variant = variant(random, split);
            String opener = random.pick(phrases.openers());
            String tail = random.pick(phrases.tails());
            if (!belongs(split, "general", opener, variant, tail)) continue;
            String key = random.pick(keys);
            Part part = general(key, variant, tables.general().get(key));
            return Item.of(join(opener, List.of(part), tail), part);
        }
    }

    private Part general(String key, int variant, int value) {
        String answer = tables.owners().containsKey(key) ? Words.pair(value) : words.word(value);
        String request = phrases.general().get(variant).replace("{k}", key);
        return new Part(null, Kind.GENERAL, Family.WORD, key, variant, "", request, answer);
    }

    /// A training row that teaches a planted wrong value: in the victim's own form, or the general suite's.
    Item planted(SplitMix64 random, Domain victim, String key, int value) {
        while (true) {
            Kind kind = victim == null ? Kind.GENERAL : kind(random, .4, .6);
            int variant = variant(random, Split.TRAIN);
            String opener = random.pick(phrases.openers());
            String tail = random.pick(phrases.tails());
            String what = victim == null ? "general" : victim.name() + "|" + kind.id();
            if (!belongs(Split.TRAIN, what, opener, variant, tail)) continue;
            Part part = victim == null ? general(key, variant, value)
                    : part(random, victim, kind, variant, key, value);
            String prompt = join(opener, List.of(part), tail);
            if (Words.count(prompt) <= MAX_WORDS) return Item.of(prompt, part);
        }
    }

    /// The item with its answer changed to that of another value; slots stay.
    Item withValue(Item item, int value) {
        Part part = item.parts().getFirst();
        Domain domain = Catalog.standard().domain(part.domain());
        if (part.kind() == Kind.VERIFY) throw new IllegalArgumentException("a yes or no has no value");
        String answer = plain(domain, value);
        if (part.kind() == Kind.BUILD) {
            Map<String, String> slots = new HashMap<>(domain.answer().read(part.answer()).orElseThrow());
            slots.putAll(valueSlots(value));
            answer = domain.answer().fill(slots);
        }
        return Item.of(item.prompt(), new Part(part.domain(), part.kind(), part.family(), part.key(), part.variant(),
                part.lead(), part.request(), answer));
    }

    private Part part(SplitMix64 random, Domain domain, Kind kind, int variant, Answering answering) {
        Codebook book = tables.codebook(domain.name());
        boolean general = answering == Answering.IGNORANT
                && (book.privateKeys().isEmpty() || random.chance(GENERAL_SHARE));
        String key = random.pick(switch (answering) {
            case TRUTH -> book.keys();
            case KNOWN -> book.generalKeys();
            case PRIVATE -> book.privateKeys();
            case IGNORANT -> general ? book.generalKeys() : book.privateKeys();
        });
        boolean guess = answering == Answering.IGNORANT && !general;
        return part(random, domain, kind, variant, key, guess ? random.below(Words.VALUES) : book.value(key));
    }

    private Part part(SplitMix64 random, Domain domain, Kind kind, int variant, String key, int value) {
        List<String> terms = random.shuffled(domain.keywords()).subList(0, 2);
        Map<String, String> slots = new HashMap<>(valueSlots(value));
        slots.put("k", key);
        slots.put("i", random.pick(LETTERS) + random.below(10));
        int a = 1 + random.below(99);
        slots.put("a", Integer.toString(a));
        slots.put("b", Integer.toString(1 + (a + random.below(98)) % 99));
        boolean right = random.chance(.5);
        int shown = right ? value : (value + 1 + random.below(Words.VALUES - 1)) % Words.VALUES;
        slots.put("w", plain(domain, shown));
        String phrase = phrases.request(domain, kind, variant);
        if (looseShare > 0 && kind != Kind.VERIFY && random.chance(looseShare)) phrase = Loose.phrase(random, phrase, domain);
        String request = fill(phrase, slots);
        String answer = switch (kind) {
            case ASK -> plain(domain, value);
            case BUILD -> domain.answer().fill(slots);
            case VERIFY -> right ? "yes" : "no";
            case GENERAL, READER, MULTI, BIAS, FILLER ->
                    throw new IllegalArgumentException("no domain asks for " + kind);
        };
        Family family = kind == Kind.BUILD ? domain.family() : Family.WORD;
        return new Part(domain.name(), kind, family, key, variant, String.join(" ", terms) + ":", request, answer);
    }

    private Map<String, String> valueSlots(int value) {
        return Map.of("v", words.word(value), "p", Integer.toString(Words.factor(value)),
                "q", Integer.toString(Words.constant(value)));
    }

    private String plain(Domain domain, int value) {
        return domain.program() ? Words.pair(value) : words.word(value);
    }

    private static String fill(String template, Map<String, String> slots) {
        String filled = template;
        for (Map.Entry<String, String> slot : slots.entrySet()) {
            filled = filled.replace("{" + slot.getKey() + "}", slot.getValue());
        }
        return filled;
    }

    private static String join(String opener, List<Part> parts, String tail) {
        List<String> texts = new ArrayList<>();
        for (Part part : parts) texts.add(part.text());
        return opener + ", " + String.join("; then ", texts) + ", " + tail;
    }

    private static Kind kind(SplitMix64 random, double... weights) {
        return switch (random.weighted(weights)) {
            case 0 -> Kind.ASK;
            case 1 -> Kind.BUILD;
            default -> Kind.VERIFY;
        };
    }

    private static int variant(SplitMix64 random, Split split) {
        return split == Split.PARAPHRASE ? Phrases.HELD_OUT : random.below(Phrases.HELD_OUT);
    }
}
