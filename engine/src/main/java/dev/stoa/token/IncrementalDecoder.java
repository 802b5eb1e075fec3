// SPDX-License-Identifier: Apache-2.0
package dev.stoa.token;

import java.util.Arrays;

/// Decodes a stream of ids: text appears as soon as it is certain, an unfinished UTF-8 sequence is held back, and
/// U+FFFD appears only where the bytes are wrong or the stream ends. All output together equals
/// [Tokenizer#decode] of all ids. One thread at a time.
public final class IncrementalDecoder {
    private final Tokenizer tokenizer;
    private final boolean skipSpecial;
    private byte[] pending = new byte[0];
    private int dropSpaces;

    public IncrementalDecoder(Tokenizer tokenizer, boolean skipSpecial) {
        this.tokenizer = tokenizer;
        this.skipSpecial = skipSpecial;
        this.dropSpaces = tokenizer.droppedLeadingSpaces();
    }

    /// Text that this id completes; may be empty.
    public String push(int id) {
        if (skipSpecial && tokenizer.isSpecial(id)) return "";
        return decode(tokenizer.bytes(id), false);
    }

    /// What is left at the end of the stream.
    public String finish() {
        return decode(new byte[0], true);
    }

    private String decode(byte[] more, boolean end) {
        byte[] joined = Arrays.copyOf(pending, pending.length + more.length);
        System.arraycopy(more, 0, joined, pending.length, more.length);
        StringBuilder text = new StringBuilder();
        int used = Utf8.decode(joined, joined.length, end, text);
        pending = Arrays.copyOfRange(joined, used, joined.length);
        int begin = 0;
        while (dropSpaces > 0 && begin < text.length()) {
            dropSpaces = text.charAt(begin) == ' ' ? dropSpaces - 1 : 0;
            if (text.charAt(begin) == ' ') begin++;
        }
        return text.substring(begin);
    }
}
