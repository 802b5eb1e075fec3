// SPDX-License-Identifier: Apache-2.0
package dev.stoa.template;

/// Bounds what one rendering may cost: 5 million steps (a step is a node visited, or an element or 16 characters
/// produced) and 4 million characters in any one text. A template is data from outside and may not hang a server.
final class Budget {
    static final int MAX_TEXT = 4_000_000;
    private static final long MAX_STEPS = 5_000_000;
    private long steps;

    void step() {
        elements(1);
    }

    /// Before producing or comparing that many elements.
    void elements(long count) {
        if (count > MAX_STEPS - steps) throw new Problem("the template takes more than %d steps", MAX_STEPS);
        steps += count;
    }

    /// Before producing a text of that length.
    void text(long length) {
        if (length > MAX_TEXT) throw new Problem("a text grows beyond %d characters", MAX_TEXT);
        elements(length >> 4);
    }

    /// Before appending that many characters to a text.
    void append(StringBuilder text, long more) {
        if (text.length() + more > MAX_TEXT) text(MAX_TEXT + 1L);
        elements(more >> 4);
    }
}
