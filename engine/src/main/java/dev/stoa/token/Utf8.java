// SPDX-License-Identifier: Apache-2.0
package dev.stoa.token;

/// Lossy UTF-8 decoding with one U+FFFD for each maximal ill-formed part (Unicode 16, table 3-7), as Rust and Python
/// do it; Java's own decoder counts encoded surrogates differently.
final class Utf8 {
    private Utf8() {}

    /// Appends the text of the first `length` bytes and returns how many were used: all of them at the `end`, else all
    /// but an unfinished sequence.
    static int decode(byte[] bytes, int length, boolean end, StringBuilder out) {
        int at = 0;
        while (at < length) {
            int lead = bytes[at] & 255;
            if (lead < 0x80) {
                out.append((char) lead);
                at++;
                continue;
            }
            int more = lead >= 0xC2 && lead <= 0xDF ? 1 : lead >= 0xE0 && lead <= 0xEF ? 2 : lead >= 0xF0 && lead <= 0xF4 ? 3 : 0;
            int point = more == 0 ? 0 : lead & (0x3F >> more);
            int have = 0;
            while (have < more && at + 1 + have < length && fits(lead, have, bytes[at + 1 + have] & 255)) {
                point = point << 6 | bytes[at + 1 + have] & 63;
                have++;
            }
            if (more > 0 && have == more) out.appendCodePoint(point);
            else if (have < more && at + 1 + have == length && !end) return at;
            else out.append('\uFFFD');
            at += 1 + have;
        }
        return at;
    }

    /// Whether a byte may continue a sequence after `have` continuation bytes.
    private static boolean fits(int lead, int have, int next) {
        int low = 0x80;
        int high = 0xBF;
        if (have == 0) {
            if (lead == 0xE0) low = 0xA0;
            if (lead == 0xED) high = 0x9F;
            if (lead == 0xF0) low = 0x90;
            if (lead == 0xF4) high = 0x8F;
        }
        return next >= low && next <= high;
    }
}
