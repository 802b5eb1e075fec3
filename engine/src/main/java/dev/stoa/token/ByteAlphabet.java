// SPDX-License-Identifier: Apache-2.0
package dev.stoa.token;

/// The reversible map of byte-level BPE (GPT-2): every byte is one printable character, so that tokens of any bytes
/// can be written as text. Printable Latin-1 stands for itself, the rest for U+0100 onwards.
final class ByteAlphabet {
    private static final char[] CHARS = new char[256];
    private static final short[] BYTES = new short[512];

    static {
        java.util.Arrays.fill(BYTES, (short) -1);
        char next = 256;
        for (int b = 0; b < 256; b++) {
            boolean printable = b >= '!' && b <= '~' || b >= 0xA1 && b <= 0xAC || b >= 0xAE;
            CHARS[b] = printable ? (char) b : next++;
            BYTES[CHARS[b]] = (short) b;
        }
    }

    private ByteAlphabet() {}

    static char charOf(int unsignedByte) {
        return CHARS[unsignedByte];
    }

    /// The byte a character stands for, or -1.
    static int byteOf(char c) {
        return c < BYTES.length ? BYTES[c] : -1;
    }

    /// UTF-8 bytes of a text, each as its character. A lone surrogate counts as U+FFFD.
    static String encode(String text) {
        StringBuilder out = new StringBuilder(text.length() + 8);
        for (int i = 0; i < text.length(); ) {
            int c = text.codePointAt(i);
            i += Character.charCount(c);
            if (c >= 0xD800 && c <= 0xDFFF) c = 0xFFFD;
            if (c < 0x80) {
                out.append(CHARS[c]);
            } else if (c < 0x800) {
                out.append(CHARS[0xC0 | c >> 6]).append(CHARS[0x80 | c & 63]);
            } else if (c < 0x10000) {
                out.append(CHARS[0xE0 | c >> 12]).append(CHARS[0x80 | c >> 6 & 63]).append(CHARS[0x80 | c & 63]);
            } else {
                out.append(CHARS[0xF0 | c >> 18]).append(CHARS[0x80 | c >> 12 & 63])
                        .append(CHARS[0x80 | c >> 6 & 63]).append(CHARS[0x80 | c & 63]);
            }
        }
        return out.toString();
    }

    /// The inverse of [#encode] as bytes, or null when a character is not of the alphabet.
    static byte[] decode(String mapped) {
        byte[] bytes = new byte[mapped.length()];
        for (int i = 0; i < bytes.length; i++) {
            int b = byteOf(mapped.charAt(i));
            if (b < 0) return null;
            bytes[i] = (byte) b;
        }
        return bytes;
    }
}
