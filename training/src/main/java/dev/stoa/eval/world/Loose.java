// SPDX-License-Identifier: Apache-2.0
package dev.stoa.eval.world;

import dev.stoa.eval.SplitMix64;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/// Requests in words that nobody has heard: the slots of a phrase in some order, among words made up on the spot. What is
/// asked follows from the slots alone, so a base that learned from such requests understands phrasings it never saw.
final class Loose {
    private static final Pattern SLOT = Pattern.compile("\\S*\\{[kiab]\\}\\S*");
    /// Shapes that no key (CVCVC) and no value (CVCV) has.
    private static final List<String> SHAPES = List.of("CVC", "CVCC", "CCVC", "VC", "VCC", "CVCCVC", "CCVCC");
    private static final String CONSONANTS = "bcdfghklmnprstvw", VOWELS = "aeiou";
    private static final int MAX_WORDS = 5;

    private Loose() {}

    /// A phrase with the same slots; a phrase whose kind does not show in its slots stays as it is.
    static String phrase(SplitMix64 random, String phrase, Domain domain) {
        List<String> slots = new ArrayList<>();
        Matcher matcher = SLOT.matcher(phrase);
        while (matcher.find()) slots.add(matcher.group());
        boolean ambiguous = !domain.answer().has("i") && !domain.answer().has("a");
        if (ambiguous) return phrase;
        List<String> order = ordered(random.shuffled(slots));
        int room = MAX_WORDS - (order.size() > 3 ? 1 : 0);
        List<String> text = new ArrayList<>();
        for (String slot : order) {
            int count = text.isEmpty() ? random.below(3) : random.below(2);
            for (int i = 0; i < count && room > 0; i++, room--) text.add(word(random));
            text.add(slot);
        }
        if (text.size() == order.size() || room > 0 && random.chance(.3)) text.add(word(random));
        return String.join(" ", text);
    }

    /// The order of the two numbers is part of what is asked.
    private static List<String> ordered(List<String> slots) {
        int a = index(slots, "{a}"), b = index(slots, "{b}");
        List<String> order = new ArrayList<>(slots);
        if (a >= 0 && b >= 0 && b < a) {
            order.set(b, slots.get(a));
            order.set(a, slots.get(b));
        }
        return order;
    }

    private static int index(List<String> slots, String slot) {
        for (int i = 0; i < slots.size(); i++) if (slots.get(i).contains(slot)) return i;
        return -1;
    }

    private static String word(SplitMix64 random) {
        StringBuilder word = new StringBuilder();
        for (char c : random.pick(SHAPES).toCharArray()) {
            String letters = c == 'C' ? CONSONANTS : VOWELS;
            word.append(letters.charAt(random.below(letters.length())));
        }
        return word.toString();
    }
}
