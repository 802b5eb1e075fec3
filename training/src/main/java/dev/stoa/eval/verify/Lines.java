// SPDX-License-Identifier: Apache-2.0
package dev.stoa.eval.verify;

import java.math.BigDecimal;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/// The one-line families that need no grammar: words, netlist lines, quantities, chains, sentences.
final class Lines {
    private static final Pattern NAME = Pattern.compile("\\w+");
    private static final Pattern QUANTITY =
            Pattern.compile("(\\w[\\w() ]*?) ?= ?(-?[0-9]{1,9}(?:\\.[0-9]{1,18})?) ?([a-z]+)");

    /// @param nodes in order, sorted when there are two
    record Component(String name, List<String> nodes, String model) {}

    /// @param amount in the dimension's base unit
    record Quantity(String of, int dimension, BigDecimal amount) {}

    private Lines() {}

    static Object word(String text) {
        return text;
    }

    static Component netlist(String text) throws BadSyntax {
        String[] tokens = text.split(" ");
        if (tokens.length < 4) throw new BadSyntax("a part needs a name, two nodes and a model");
        for (String token : tokens) Text.match(NAME, token, "a name: " + token);
        List<String> nodes = new ArrayList<>(Arrays.asList(tokens).subList(1, tokens.length - 1));
        if (nodes.size() == 2) nodes.sort(null);
        return new Component(tokens[0], nodes, tokens[tokens.length - 1]);
    }

    static Quantity quantity(String text, Map<String, Verifiers.Unit> units) throws BadSyntax {
        Matcher matcher = Text.match(QUANTITY, text, "name = number unit");
        Verifiers.Unit unit = units.get(matcher.group(3));
        if (unit == null) throw new BadSyntax("unknown unit %s", matcher.group(3));
        BigDecimal amount = new BigDecimal(matcher.group(2)).scaleByPowerOfTen(unit.exponent()).stripTrailingZeros();
        return new Quantity(matcher.group(1).replace(" (", "("), unit.dimension(), amount);
    }

    static List<String> chain(String text) throws BadSyntax {
        List<String> nodes = new ArrayList<>();
        for (String node : text.split("->", -1)) {
            Text.match(NAME, node.strip(), "a node: " + node);
            nodes.add(node.strip());
        }
        if (nodes.size() < 2) throw new BadSyntax("a chain has two nodes or more");
        return nodes;
    }

    static List<String> sentence(String text, Set<String> values) throws BadSyntax {
        List<String> words = Text.words(text);
        long named = words.stream().filter(values::contains).count();
        if (named != 1) throw new BadSyntax("the sentence names %d values", named);
        return words;
    }
}
