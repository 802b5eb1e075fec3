// SPDX-License-Identifier: Apache-2.0
package dev.stoa.token;

import java.nio.charset.StandardCharsets;
import java.util.HashMap;
import java.util.Map;

/// The unigram language model of SentencePiece (Kudo 2018): of all ways to cut a word the one with the highest sum of
/// scores, found by Viterbi. A character that no token covers costs the lowest score less 10; neighbors of that kind
/// are one unknown token.
final class UnigramModel implements TokenModel {
    private static final double UNKNOWN_PENALTY = 10;
    private final Map<String, Integer> ids = new HashMap<>();
    private final double[] scores;
    private final int unknown;
    private final int[] bytes = new int[256];               // id of <0xXX>, or -1
    private final boolean byteFallback;
    private final double unknownScore;
    private final int longest;

    /// `unknown` is -1 when the vocabulary has none; such characters are then left out.
    UnigramModel(String[] pieces, double[] scores, int unknown, boolean byteFallback) {
        this.scores = scores;
        this.unknown = unknown;
        int length = 0;
        double least = Double.POSITIVE_INFINITY;
        for (int id = 0; id < pieces.length; id++) {
            ids.put(pieces[id], id);
            length = Math.max(length, pieces[id].length());
            least = Math.min(least, scores[id]);
        }
        boolean all = byteFallback;
        for (int b = 0; b < 256; b++) {
            bytes[b] = ids.getOrDefault("<0x%02X>".formatted(b), -1);
            all &= bytes[b] >= 0;
        }
        this.byteFallback = all;
        this.longest = length;
        this.unknownScore = least - UNKNOWN_PENALTY;
    }

    @Override
    public void encode(String word, IntList out) {
        int n = word.length();
        double[] best = new double[n + 1];
        int[] from = new int[n + 1];
        int[] token = new int[n + 1];
        java.util.Arrays.fill(from, -1);
        for (int begin = 0; begin < n; begin += Character.charCount(word.codePointAt(begin))) {
            int single = begin + Character.charCount(word.codePointAt(begin));
            boolean covered = false;
            for (int end = single; end <= Math.min(n, begin + longest); end++) {
                if (end < n && Character.isLowSurrogate(word.charAt(end)) && Character.isHighSurrogate(word.charAt(end - 1))) continue;
                Integer id = ids.get(word.substring(begin, end));
                if (id == null) continue;
                double score = best[begin] + scores[id];
                if (from[end] < 0 || score > best[end]) {
                    best[end] = score;
                    from[end] = begin;
                    token[end] = id;
                }
                covered |= end == single;
            }
            if (!covered && (from[single] < 0 || best[begin] + unknownScore > best[single])) {
                best[single] = best[begin] + unknownScore;
                from[single] = begin;
                token[single] = -1;
            }
        }
        int[] path = new int[n + 1];
        int cuts = 0;
        for (int at = n; at > 0; at = from[at]) path[cuts++] = at;
        int open = -1;                                      // begin of the unknown text so far
        for (int i = cuts - 1; i >= 0; i--) {
            int id = token[path[i]];
            int begin = from[path[i]];
            if (id < 0 || id == unknown) {
                if (open < 0) open = begin;
                continue;
            }
            if (open >= 0) addUnknown(word.substring(open, begin), out);
            open = -1;
            out.add(id);
        }
        if (open >= 0) addUnknown(word.substring(open), out);
    }

    /// Neighboring unknown text is one: a token if it is spelled like one, else its bytes, else the unknown token.
    private void addUnknown(String text, IntList out) {
        Integer spelled = ids.get(text);
        if (spelled != null) out.add(spelled);
        else if (byteFallback) for (byte b : text.getBytes(StandardCharsets.UTF_8)) out.add(bytes[b & 255]);
        else if (unknown >= 0) out.add(unknown);
    }
}
