// SPDX-License-Identifier: Apache-2.0
package dev.stoa.generate;

import dev.stoa.token.IncrementalDecoder;
import dev.stoa.token.Tokenizer;
import java.util.List;
import java.util.Set;

/// Tokens to visible text, piece by piece: incomplete characters wait for their last byte, and whatever may still
/// become a stop string is held back. Special tokens
/// are not visible, but for those in `shown`; without a tokenizer nothing is. The pieces concatenate to the final text.
final class TextStream {
    private final int ids;
    private final Tokenizer tokenizer;
    private final Set<Integer> shown;
    private final List<String> stops;
    private final IncrementalDecoder decoder;
    private final StringBuilder held = new StringBuilder();
    private String stopped;

    TextStream(Tokenizer tokenizer, List<String> stops) {
        this(tokenizer, stops, Set.of());
    }

    TextStream(Tokenizer tokenizer, List<String> stops, Set<Integer> shown) {
        this.tokenizer = tokenizer;
        this.shown = shown;
        this.ids = tokenizer == null ? 0 : tokenizer.size();
        this.decoder = tokenizer == null ? null : new IncrementalDecoder(tokenizer, false);
        this.stops = stops;
    }

    /// The text that `id` makes visible, empty while something is held back. Nothing comes after a stop string. Ids
    /// past the tokenizer's last (models pad their tables) have no text.
    String push(int id) {
        boolean hidden = id >= ids || tokenizer.isSpecial(id) && !shown.contains(id);
        return hidden ? "" : release(decoder.push(id));
    }

    /// What is still held at the end of the text: it can no longer become a stop string.
    String flush() {
        if (decoder == null || stopped != null) return "";
        String rest = held + decoder.finish();
        held.setLength(0);
        return rest;
    }

    /// The stop string that ended the text, or null.
    String stopped() {
        return stopped;
    }

    /// Appends char by char, so the match that completes first wins; of several ending there, the longest.
    private String release(String text) {
        for (int i = 0; i < text.length() && stopped == null; i++) {
            held.append(text.charAt(i));
            for (String stop : stops) {
                if (endsWith(stop) && (stopped == null || stop.length() > stopped.length())) stopped = stop;
            }
        }
        int visible = held.length() - (stopped != null ? stopped.length() : longestPrefix());
        String released = held.substring(0, visible);
        held.delete(0, stopped != null ? held.length() : visible);
        return released;
    }

    private boolean endsWith(String stop) {
        int from = held.length() - stop.length();
        return from >= 0 && held.indexOf(stop, from) == from;
    }

    /// Length of the longest end of the held text that begins some stop string.
    private int longestPrefix() {
        int longest = 0;
        for (String stop : stops) {
            for (int n = Math.min(stop.length() - 1, held.length()); n > longest; n--) {
                if (stop.startsWith(held.substring(held.length() - n))) longest = n;
            }
        }
        return longest;
    }
}
