// SPDX-License-Identifier: Apache-2.0
package dev.stoa.token;

/// Text to ids and back. Immutable and thread-safe.
public interface Tokenizer {
    /// Ids of a text. Special tokens written in the text are matched only when `allowSpecial`; otherwise they
    /// are ordinary characters, so user text cannot forge a turn marker. Nothing is added.
    int[] encode(String text, boolean allowSpecial);

    /// Text of ids; malformed UTF-8 becomes U+FFFD. `skipSpecial` leaves special tokens out.
    String decode(int[] ids, boolean skipSpecial);

    /// Bytes of one token, for incremental UTF-8 decoding.
    byte[] bytes(int id);

    /// Number of ids, special tokens included.
    int size();

    boolean isSpecial(int id);

    /// The id of a token by its text (special or not), or -1.
    int id(String token);

    /// Spaces that [#decode] drops from the start of a text (SentencePiece-style vocabularies); usually 0.
    default int droppedLeadingSpaces() {
        return 0;
    }
}
