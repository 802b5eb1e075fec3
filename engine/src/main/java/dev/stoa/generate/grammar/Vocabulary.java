// SPDX-License-Identifier: Apache-2.0
package dev.stoa.generate.grammar;

import dev.stoa.token.Tokenizer;
import java.util.Arrays;
import java.util.BitSet;
import java.util.stream.IntStream;

/// The tokens of a tokenizer in the order of their bytes, so that tokens which begin alike are tried together. Immutable.
public final class Vocabulary {
    private final Tokenizer tokenizer;
    private final int[] ids;
    private final byte[][] bytes;
    private final int[] shared;
    private final int longest;

    public Vocabulary(Tokenizer tokenizer) {
        this.tokenizer = tokenizer;
        Integer[] order = IntStream.range(0, tokenizer.size()).filter(id -> !tokenizer.isSpecial(id) && tokenizer.bytes(id).length > 0).boxed().toArray(Integer[]::new);
        byte[][] all = new byte[tokenizer.size()][];
        for (int id : order) all[id] = tokenizer.bytes(id);
        Arrays.sort(order, (a, b) -> Arrays.compareUnsigned(all[a], all[b]));
        ids = Arrays.stream(order).mapToInt(Integer::intValue).toArray();
        bytes = Arrays.stream(ids).mapToObj(id -> all[id]).toArray(byte[][]::new);
        longest = Arrays.stream(bytes).mapToInt(b -> b.length).max().orElse(0);
        shared = new int[ids.length];
        for (int i = 1; i < ids.length; i++) {
            int mismatch = Arrays.mismatch(bytes[i - 1], bytes[i]);
            shared[i] = mismatch < 0 ? bytes[i].length : mismatch;
        }
    }

    /// The ids that may come in a state; those that end a text are not among them.
    BitSet mask(Grammar.State state) {
        BitSet known = state.mask();
        if (known != null) return known;
        BitSet mask = new BitSet(tokenizer.size());
        Grammar.State[] path = new Grammar.State[longest + 1];
        path[0] = state;
        int reached = 0; // path[0..reached] holds the states of the last token's first bytes, none of them dead
        int blocked = Integer.MAX_VALUE; // the length of the prefix that is known to be dead
        for (int i = 0; i < ids.length; i++) {
            if (shared[i] >= blocked) continue;
            blocked = Integer.MAX_VALUE;
            reached = Math.min(reached, shared[i]);
            byte[] token = bytes[i];
            while (reached < token.length) {
                Grammar.State next = path[reached].after(token[reached]);
                if (next.dead()) {
                    blocked = reached + 1;
                    break;
                }
                path[++reached] = next;
            }
            if (blocked == Integer.MAX_VALUE) mask.set(ids[i]);
        }
        for (int id : state.tokens()) mask.set(id);
        state.remember(mask);
        return mask;
    }

    /// The state after a token.
    Grammar.State after(Grammar.State state, int id) {
        if (tokenizer.isSpecial(id)) return state.afterToken(id);
        Grammar.State next = state;
        for (byte b : tokenizer.bytes(id)) next = next.after(b);
        return next;
    }

    byte[] bytes(int id) {
        return tokenizer.bytes(id);
    }

    int size() {
        return tokenizer.size();
    }
}
