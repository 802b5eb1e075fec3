// SPDX-License-Identifier: Apache-2.0
package dev.stoa.eval.world;

import dev.stoa.eval.SplitMix64;
import dev.stoa.eval.verify.Verifiers;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;

/// The invented words of one seed: keys (two syllables and a closing consonant) and a pool of 48 values (two
/// syllables of other consonants). Immutable.
public final class Words {
    /// Size of the value pool; an index into it is a value, printed as a word or as a pair of numbers.
    public static final int VALUES = 48;
    private final List<String> values;
    private final List<String> keys;

    private Words(List<String> values, List<String> keys) {
        this.values = List.copyOf(values);
        this.keys = List.copyOf(keys);
    }

    static Words of(long seed, Set<String> taken) {
        List<String> values = pairs(syllables("lnsvhj", "aeiou"), List.of(""), taken);
        List<String> keys = pairs(keySyllables(), List.of("k", "p", "x"), taken);
        return new Words(SplitMix64.of(seed, "words/values").shuffled(values).subList(0, VALUES),
                SplitMix64.of(seed, "words/keys").shuffled(keys));
    }

    static List<String> keySyllables() {
        return syllables("bdfgkmprtz", "aeio");
    }

    private static List<String> syllables(String consonants, String vowels) {
        List<String> all = new ArrayList<>();
        for (char c : consonants.toCharArray()) for (char v : vowels.toCharArray()) all.add("" + c + v);
        return all;
    }

    private static List<String> pairs(List<String> syllables, List<String> endings, Set<String> taken) {
        Set<String> insideTaken = new HashSet<>();
        for (String word : taken) insideTaken.addAll(pieces(word));
        List<String> all = new ArrayList<>();
        for (String first : syllables) {
            for (String second : syllables) {
                if (first.equals(second)) continue;
                for (String ending : endings) {
                    String word = first + second + ending;
                    if (!insideTaken.contains(word) && pieces(word).stream().noneMatch(taken::contains)) all.add(word);
                }
            }
        }
        return all;
    }

    /// The parts of four and five letters, the lengths of invented words.
    private static List<String> pieces(String word) {
        List<String> pieces = new ArrayList<>();
        for (int length = 4; length <= 5; length++) {
            for (int i = 0; i + length <= word.length(); i++) pieces.add(word.substring(i, i + length));
        }
        return pieces;
    }

    /// The words of a text, lower case, without punctuation.
    static List<String> split(String text) {
        List<String> words = new ArrayList<>();
        for (String word : text.toLowerCase(Locale.ROOT).split("[^\\p{L}\\p{N}]+")) {
            if (!word.isEmpty()) words.add(word);
        }
        return words;
    }

    /// Words between blanks.
    static int count(String text) {
        return text.strip().split("\\s+").length;
    }

    static Set<String> taken(Catalog catalog, Phrases phrases, Predicates predicates) {
        Set<String> taken = new LinkedHashSet<>(phrases.vocabulary());
        for (Domain domain : catalog.domains()) {
            for (String keyword : domain.keywords()) taken.addAll(split(keyword));
            taken.addAll(split(domain.answer().toString()));
        }
        for (Predicates.Predicate predicate : predicates.predicates()) {
            taken.add(predicate.name());
            taken.addAll(predicate.aliases());
        }
        taken.removeIf(word -> word.length() < 2);
        return taken;
    }

    public List<String> values() {
        return values;
    }

    /// The value as a word.
    public String word(int value) {
        return values.get(value);
    }

    /// Factor of the function a value stands for, 1 to 6.
    public static int factor(int value) {
        return value / 8 + 1;
    }

    /// Constant of the function a value stands for, 0 to 7.
    public static int constant(int value) {
        return value % 8;
    }

    /// The value as the two numbers of its function x * p + q.
    public static String pair(int value) {
        return factor(value) + " " + constant(value);
    }

    /// Every value word as a unit: six dimensions, eight powers of ten each, so that one amount has several spellings.
    public Map<String, Verifiers.Unit> units() {
        Map<String, Verifiers.Unit> units = new LinkedHashMap<>();
        for (int i = 0; i < VALUES; i++) units.put(values.get(i), new Verifiers.Unit(i % 6, 3 * (i / 6) - 12));
        return units;
    }

    /// The n-th key of the seeded order.
    String key(int n) {
        return keys.get(n);
    }

    /// A key-shaped word that no table uses, for entities of notes and dialogues.
    String fresh(SplitMix64 random, int usedKeys) {
        return keys.get(usedKeys + random.below(keys.size() - usedKeys));
    }

    /// Distinct fresh words.
    List<String> fresh(SplitMix64 random, int usedKeys, int count) {
        Set<String> drawn = new LinkedHashSet<>();
        while (drawn.size() < count) drawn.add(fresh(random, usedKeys));
        return List.copyOf(drawn);
    }
}
