// SPDX-License-Identifier: Apache-2.0
package dev.stoa.generate.grammar;

import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.Collections;
import java.util.List;

/// Puts a [Grammar] together from parts. A part is built towards what follows it. For one thread.
final class GrammarBuilder {
    /// A piece of a text: answers the place where it begins when `next` follows.
    interface Part {
        int before(int next);
    }

    private final List<Grammar.Node> nodes = new ArrayList<>();
    private final List<Integer> rules = new ArrayList<>();
    private Part character;

    /// A rule whose text is given later, so that it may contain itself. The first one is what the grammar accepts.
    int rule() {
        rules.add(-1);
        return rules.size() - 1;
    }

    void define(int rule, Part part) {
        rules.set(rule, part.before(node(new Grammar.End())));
    }

    Grammar build() {
        return new Grammar(nodes, rules.stream().mapToInt(Integer::intValue).toArray());
    }

    private int node(Grammar.Node node) {
        nodes.add(node);
        return nodes.size() - 1;
    }

    Part call(int rule) {
        return next -> node(new Grammar.Call(rule, next));
    }

    Part token(int id) {
        return next -> node(new Grammar.Token(id, next));
    }

    Part text(String text) {
        return next -> {
            byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
            int place = next;
            for (int i = bytes.length - 1; i >= 0; i--) place = node(new Grammar.Bytes(one(bytes[i] & 0xFF), place));
            return place;
        };
    }

    private static BitSet one(int value) {
        BitSet set = new BitSet(256);
        set.set(value);
        return set;
    }

    /// One byte of the given characters below 0x80, of ranges like `a-z` when they have a dash in the middle.
    Part oneOf(String... ranges) {
        BitSet set = new BitSet(256);
        for (String range : ranges) {
            if (range.length() == 3 && range.charAt(1) == '-') set.set(range.charAt(0), range.charAt(2) + 1);
            else range.chars().forEach(set::set);
        }
        return oneOf(set);
    }

    Part oneOf(BitSet set) {
        return next -> node(new Grammar.Bytes(set, next));
    }

    Part all(List<Part> parts) {
        return next -> {
            int place = next;
            for (int i = parts.size() - 1; i >= 0; i--) place = parts.get(i).before(place);
            return place;
        };
    }

    Part all(Part... parts) {
        return all(List.of(parts));
    }

    Part any(List<Part> parts) {
        return next -> node(new Grammar.Split(parts.stream().mapToInt(part -> part.before(next)).toArray()));
    }

    Part any(Part... parts) {
        return any(List.of(parts));
    }

    Part maybe(Part part) {
        return next -> node(new Grammar.Split(part.before(next), next));
    }

    /// As often as wanted, or never.
    Part many(Part part) {
        return next -> {
            int loop = node(new Grammar.End()); // its place is needed before what it leads to
            nodes.set(loop, new Grammar.Split(part.before(loop), next));
            return loop;
        };
    }

    Part upTo(int count, Part part) {
        return next -> {
            int place = next;
            for (int i = 0; i < count; i++) place = node(new Grammar.Split(part.before(place), next));
            return place;
        };
    }

    Part times(int count, Part part) {
        return all(Collections.nCopies(count, part));
    }

    private Part bytes(int from, int to) {
        BitSet set = new BitSet(256);
        set.set(from, to + 1);
        return oneOf(set);
    }

    /// One character outside ASCII, well-formed UTF-8 (Unicode 16, table 3-7).
    Part wideCharacter() {
        if (character == null) {
            Part rest = bytes(0x80, 0xBF);
            character = any(all(bytes(0xC2, 0xDF), rest), all(bytes(0xE0, 0xE0), bytes(0xA0, 0xBF), rest), all(bytes(0xE1, 0xEC), rest, rest),
                    all(bytes(0xED, 0xED), bytes(0x80, 0x9F), rest), all(bytes(0xEE, 0xEF), rest, rest), all(bytes(0xF0, 0xF0), bytes(0x90, 0xBF), rest, rest),
                    all(bytes(0xF1, 0xF3), rest, rest, rest), all(bytes(0xF4, 0xF4), bytes(0x80, 0x8F), rest, rest));
        }
        return character;
    }

    /// Any text in which `end` (ASCII) does not occur: Knuth, Morris and Pratt's automaton without its last step.
    Part textWithout(String end) {
        return next -> {
            int[] states = new int[end.length()];
            for (int i = 0; i < states.length; i++) states[i] = node(new Grammar.End());
            for (int at = 0; at < states.length; at++) {
                List<Integer> ways = new ArrayList<>(List.of(next, wideCharacter().before(states[0])));
                BitSet[] to = new BitSet[states.length];
                for (int c = 0; c < 0x80; c++) {
                    if (c < 0x20 && c != '\n' && c != '\t') continue;
                    int matched = matched(end, end.substring(0, at) + (char) c);
                    if (matched == end.length()) continue;
                    if (to[matched] == null) to[matched] = new BitSet(256);
                    to[matched].set(c);
                }
                for (int i = 0; i < to.length; i++) if (to[i] != null) ways.add(node(new Grammar.Bytes(to[i], states[i])));
                nodes.set(states[at], new Grammar.Split(ways.stream().mapToInt(Integer::intValue).toArray()));
            }
            return states[0];
        };
    }

    /// Length of the longest beginning of `pattern` that `text` ends with.
    private static int matched(String pattern, String text) {
        for (int n = Math.min(pattern.length(), text.length()); n > 0; n--) if (pattern.startsWith(text.substring(text.length() - n))) return n;
        return 0;
    }
}
