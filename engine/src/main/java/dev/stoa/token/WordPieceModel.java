// SPDX-License-Identifier: Apache-2.0
package dev.stoa.token;

import java.util.Map;

/// BERT's WordPiece: the longest token from the left, later ones with a prefix; a word that cannot be covered, or is too
/// long, is one unknown token. A null prefix means whole words only (WordLevel).
final class WordPieceModel implements TokenModel {
    private final Map<String, Integer> vocabulary;
    private final int unknown;
    private final String prefix;
    private final int maxCharacters;
    private final int longest;

    WordPieceModel(Map<String, Integer> vocabulary, int unknown, String prefix, int maxCharacters) {
        this.vocabulary = vocabulary;
        this.unknown = unknown;
        this.prefix = prefix;
        this.maxCharacters = maxCharacters;
        this.longest = vocabulary.keySet().stream().mapToInt(String::length).max().orElse(0);
    }

    @Override
    public void encode(String word, IntList out) {
        if (prefix == null) {
            out.add(vocabulary.getOrDefault(word, unknown));
            return;
        }
        IntList pieces = new IntList();
        boolean fits = word.codePointCount(0, word.length()) <= maxCharacters;
        for (int begin = 0; fits && begin < word.length(); ) {
            int end = Math.min(word.length(), begin + longest);
            Integer id = null;
            for (; end > begin && id == null; end = id == null ? word.offsetByCodePoints(end, -1) : end) {
                if (end < word.length() && Character.isLowSurrogate(word.charAt(end))) end--;
                if (end == begin) break;
                id = vocabulary.get(begin == 0 ? word.substring(0, end) : prefix + word.substring(begin, end));
                if (id != null) {
                    pieces.add(id);
                    begin = end;
                    break;
                }
            }
            fits = id != null;
        }
        if (fits) out.addAll(pieces.toArray());
        else out.add(unknown);
    }
}
