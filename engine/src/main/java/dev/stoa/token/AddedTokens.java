// SPDX-License-Identifier: Apache-2.0
package dev.stoa.token;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.function.UnaryOperator;

/// Finds added tokens in a text, leftmost and then longest, with their options on neighboring characters.
final class AddedTokens {
    /// One entry of `added_tokens` in tokenizer.json.
    record Added(int id, String content, boolean singleWord, boolean leftStrip, boolean rightStrip, boolean normalized,
                 boolean special) {}

    /// Part of a text: an added token (id >= 0) or ordinary text (-1).
    record Part(int id, String text, boolean first) {}

    private static final class Node {
        private final Map<Character, Node> next = new HashMap<>(2);
        private Added token;
    }

    private final Node root = new Node();

    /// Matches the contents after `rewrite`.
    AddedTokens(List<Added> tokens, UnaryOperator<String> rewrite) {
        for (Added token : tokens) {
            String content = rewrite.apply(token.content);
            Node node = root;
            for (int i = 0; i < content.length(); i++) node = node.next.computeIfAbsent(content.charAt(i), _ -> new Node());
            if (node != root) node.token = token;
        }
    }

    /// Cuts a text; special tokens count as text unless `allowSpecial`. Empty parts are left out.
    List<Part> split(String text, boolean allowSpecial) {
        List<Part> parts = new ArrayList<>();
        int taken = 0;
        for (int at = 0; at < text.length(); ) {
            Node node = root;
            Added found = null;
            int end = at;
            for (int i = at; i < text.length() && !node.next.isEmpty(); i++) {
                node = node.next.get(text.charAt(i));
                if (node == null) break;
                if (node.token != null) {
                    found = node.token;
                    end = i + 1;
                }
            }
            if (found == null) {
                at++;
                continue;
            }
            int begin = at;
            at = end;
            if (found.special && !allowSpecial || found.singleWord && touchesWord(text, begin, end)) continue;
            if (found.leftStrip) {
                while (begin > taken && Characters.isWhitespace(text.charAt(begin - 1))) begin--;
            }
            if (found.rightStrip) {
                while (end < text.length() && Characters.isWhitespace(text.charAt(end))) end++;
            }
            if (begin > taken) parts.add(new Part(-1, text.substring(taken, begin), taken == 0));
            parts.add(new Part(found.id, found.content, begin == 0));
            taken = end;
            at = end;
        }
        if (taken < text.length()) parts.add(new Part(-1, text.substring(taken), taken == 0));
        return parts;
    }

    private static boolean touchesWord(String text, int begin, int end) {
        return begin > 0 && Characters.isWord(text.codePointBefore(begin))
                || end < text.length() && Characters.isWord(text.codePointAt(end));
    }
}
