// SPDX-License-Identifier: Apache-2.0
package dev.stoa.generate.grammar;

import dev.stoa.token.Tokenizer;
import java.util.Arrays;
import java.util.BitSet;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.stream.IntStream;

/// The tokens of a tokenizer in the order of their bytes, so that tokens which begin alike are tried together. Thread-safe;
/// the forms whose masks it makes are not.
///
/// In a state that many bytes lead back to (inside a JSON string) most tokens are of such bytes alone: which ones is worked
/// out once for all forms, and only the others are walked.
public final class Vocabulary {
    /// Below this many bytes that stay, walking all tokens is as quick.
    private static final int FEWEST_STAYING = 64;
    private static final int MOST_SPLITS = 16;

    private final Tokenizer tokenizer;
    private final int[] ids;
    private final byte[][] bytes;
    private final int longest;
    private final Tokens all;
    private final Map<StayingBytes, Split> splits = new LinkedHashMap<>(16, 0.75f, true);

    /// Tokens by place in the order; `shared` is how many first bytes each has in common with the one before it here.
    private record Tokens(int[] places, int[] shared) {}

    /// The ids of tokens that stay in a state, and the tokens that may not.
    private record Split(BitSet staying, Tokens others) {}

    public Vocabulary(Tokenizer tokenizer) {
        this.tokenizer = tokenizer;
        byte[][] byId = new byte[tokenizer.size()][];
        Integer[] order = IntStream.range(0, byId.length).filter(id -> {
            byId[id] = tokenizer.bytes(id);
            return !tokenizer.isSpecial(id) && byId[id].length > 0;
        }).boxed().toArray(Integer[]::new);
        Arrays.sort(order, (a, b) -> Arrays.compareUnsigned(byId[a], byId[b]));
        ids = Arrays.stream(order).mapToInt(Integer::intValue).toArray();
        bytes = Arrays.stream(ids).mapToObj(id -> byId[id]).toArray(byte[][]::new);
        longest = Arrays.stream(bytes).mapToInt(b -> b.length).max().orElse(0);
        int[] shared = new int[ids.length];
        for (int i = 1; i < ids.length; i++) {
            int mismatch = Arrays.mismatch(bytes[i - 1], bytes[i]);
            shared[i] = mismatch < 0 ? bytes[i].length : mismatch;
        }
        all = new Tokens(IntStream.range(0, ids.length).toArray(), shared);
    }

    /// The ids that may come in a state; those that end a text are not among them.
    BitSet mask(Grammar.State state) {
        BitSet known = state.mask();
        if (known != null) return known;
        StayingBytes staying = StayingBytes.of(state);
        BitSet mask;
        if (staying.ascii().cardinality() < FEWEST_STAYING) {
            mask = new BitSet(tokenizer.size());
            walk(state, all, mask);
        } else {
            Split split = split(staying);
            mask = (BitSet) split.staying.clone();
            walk(state, split.others, mask);
        }
        for (int id : state.tokens()) mask.set(id);
        state.remember(mask);
        return mask;
    }

    /// Sets the ids of those tokens that may come.
    private void walk(Grammar.State state, Tokens tokens, BitSet mask) {
        Grammar.State[] path = new Grammar.State[longest + 1];
        path[0] = state;
        int reached = 0; // path[0..reached] holds the states of the last token's first bytes, none of them dead
        int blocked = Integer.MAX_VALUE; // the length of the prefix that is known to be dead
        for (int i = 0; i < tokens.places.length; i++) {
            if (tokens.shared[i] >= blocked) continue;
            blocked = Integer.MAX_VALUE;
            reached = Math.min(reached, tokens.shared[i]);
            byte[] token = bytes[tokens.places[i]];
            while (reached < token.length) {
                Grammar.State next = path[reached].after(token[reached]);
                if (next.dead()) {
                    blocked = reached + 1;
                    break;
                }
                path[++reached] = next;
            }
            if (blocked == Integer.MAX_VALUE) mask.set(ids[tokens.places[i]]);
        }
    }

    private synchronized Split split(StayingBytes staying) {
        Split split = splits.computeIfAbsent(staying, this::divided);
        if (splits.size() > MOST_SPLITS) splits.remove(splits.keySet().iterator().next());
        return split;
    }

    private Split divided(StayingBytes bytesThatStay) {
        BitSet staying = new BitSet(tokenizer.size());
        int[] places = new int[ids.length];
        int[] shared = new int[ids.length];
        int count = 0;
        int least = 0; // with the last of the others, over the tokens since
        for (int i = 0; i < ids.length; i++) {
            least = Math.min(least, all.shared[i]);
            if (bytesThatStay.holds(bytes[i])) {
                staying.set(ids[i]);
                continue;
            }
            places[count] = i;
            shared[count++] = least;
            least = Integer.MAX_VALUE;
        }
        return new Split(staying, new Tokens(Arrays.copyOf(places, count), Arrays.copyOf(shared, count)));
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
