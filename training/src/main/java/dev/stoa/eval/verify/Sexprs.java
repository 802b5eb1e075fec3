// SPDX-License-Identifier: Apache-2.0
package dev.stoa.eval.verify;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/// `(symbol r4 (lib luvo) (pin 3))`: atoms in order, lists inside a list in any order.
final class Sexprs {
    private static final int MAX_DEPTH = 16;
    private static final Pattern TOKEN = Pattern.compile("\\G ?([()]|[\\w.-]+|\"[^\"]*\")");

    /// A list; its own atoms in order, and how often each list occurs inside it, by canonical text.
    record Node(List<String> atoms, Map<String, Integer> lists) {}

    private final Matcher tokens;
    private String token;

    private Sexprs(String text) {
        tokens = TOKEN.matcher(text);
    }

    static Node parse(String text) throws BadSyntax {
        Sexprs reader = new Sexprs(text);
        reader.advance();
        if (!"(".equals(reader.token)) throw new BadSyntax("not a list");
        Node node = reader.list(0);
        if (reader.tokens.end() < text.length()) throw new BadSyntax("text after the list");
        return node;
    }

    private void advance() throws BadSyntax {
        if (!tokens.find()) throw new BadSyntax("unbalanced or unreadable list");
        token = tokens.group(1);
    }

    private Node list(int depth) throws BadSyntax {
        if (depth > MAX_DEPTH) throw new BadSyntax("lists nested deeper than %d", MAX_DEPTH);
        List<String> atoms = new ArrayList<>();
        Map<String, Integer> lists = new TreeMap<>();
        for (advance(); !token.equals(")"); advance()) {
            if (token.equals("(")) lists.merge(list(depth + 1).toString(), 1, Integer::sum);
            else atoms.add(token);
        }
        if (atoms.isEmpty()) throw new BadSyntax("a list without a head");
        return new Node(atoms, lists);
    }
}
