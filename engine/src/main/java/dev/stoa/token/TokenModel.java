// SPDX-License-Identifier: Apache-2.0
package dev.stoa.token;

/// Ids of one word, after normalizing and cutting: the `model` of a tokenizer. Thread-safe.
sealed interface TokenModel permits BpeModel, WordPieceModel, UnigramModel {
    /// Appends the ids of a word.
    void encode(String word, IntList out);
}
