// SPDX-License-Identifier: Apache-2.0
package dev.stoa.generate.grammar;

import java.util.BitSet;

/// What a text may consist of without leaving a state: single bytes below 0x80, and with `wide` also every well-formed
/// UTF-8 sequence of a character above.
record StayingBytes(BitSet ascii, boolean wide) {
    /// Leads of UTF-8 sequences that have the same second bytes, with those (Unicode 16, table 3-7).
    private static final int[][] LEADS = {{0xC2, 0xDF, 0x80, 0xBF, 0}, {0xE0, 0xE0, 0xA0, 0xBF, 1}, {0xE1, 0xEC, 0x80, 0xBF, 1}, {0xED, 0xED, 0x80, 0x9F, 1},
        {0xEE, 0xEF, 0x80, 0xBF, 1}, {0xF0, 0xF0, 0x90, 0xBF, 2}, {0xF1, 0xF3, 0x80, 0xBF, 2}, {0xF4, 0xF4, 0x80, 0x8F, 2}};

    static StayingBytes of(Grammar.State state) {
        BitSet ascii = new BitSet(128);
        for (int b = 0; b < 0x80; b++) if (state.after((byte) b) == state) ascii.set(b);
        return new StayingBytes(ascii, wide(state));
    }

    private static boolean wide(Grammar.State state) {
        for (int[] lead : LEADS) {
            for (int b = lead[0]; b <= lead[1]; b++) {
                Grammar.State second = state.after((byte) b);
                if (second.dead() || !returns(second, lead[2], lead[3], lead[4], state)) return false;
            }
        }
        return true;
    }

    /// Whether every byte of a range, and `more` further bytes of continuation, lead to `to`. Bytes of one class lead to one
    /// state, so few states are followed twice.
    private static boolean returns(Grammar.State from, int first, int last, int more, Grammar.State to) {
        Grammar.State followed = null;
        for (int b = first; b <= last; b++) {
            Grammar.State next = from.after((byte) b);
            if (more == 0 ? next != to : next != followed && (next.dead() || !returns(next, 0x80, 0xBF, more - 1, to))) return false;
            followed = next;
        }
        return true;
    }

    /// Whether a token consists of these bytes and whole characters alone.
    boolean holds(byte[] token) {
        for (int i = 0; i < token.length; ) {
            int b = token[i] & 0xFF;
            if (b < 0x80) {
                if (!ascii.get(b)) return false;
                i++;
                continue;
            }
            int length = wide ? length(token, i) : 0;
            if (length == 0) return false;
            i += length;
        }
        return true;
    }

    /// Bytes of the well-formed character at `at`, or 0 when it is none or not whole.
    private static int length(byte[] token, int at) {
        int b = token[at] & 0xFF;
        for (int[] lead : LEADS) {
            if (b < lead[0] || b > lead[1]) continue;
            int length = 2 + lead[4];
            if (at + length > token.length) return 0;
            for (int i = 1; i < length; i++) {
                int next = token[at + i] & 0xFF;
                if (next < (i == 1 ? lead[2] : 0x80) || next > (i == 1 ? lead[3] : 0xBF)) return 0;
            }
            return length;
        }
        return 0;
    }
}
