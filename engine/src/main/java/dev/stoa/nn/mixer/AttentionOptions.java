// SPDX-License-Identifier: Apache-2.0
package dev.stoa.nn.mixer;

/// What some families add to grouped-query attention.
///
/// @param wholeWidthNorm the query/key norm spans the whole projected width instead of each head (MiniMax-M2)
/// @param outputGate q_proj gives [query | gate] per head, and the output is multiplied by sigmoid(gate) (Qwen3.5)
/// @param softcap scores become cap * tanh(score / cap); 0 for none (Gemma 2)
/// @param keysAreValues values are the raw keys: there is no v_proj (Gemma 4)
/// @param valueNorm values pass an RMS norm without weight (Gemma 4)
/// @param sharedLayer the layer whose keys and values are read instead of own ones, or -1 (Gemma 4)
/// @param bidirectional every token of the sequence is visible (encoders)
/// @param relativeBuckets size of a learned relative position bias, 0 for none (MPNet)
public record AttentionOptions(
        boolean wholeWidthNorm,
        boolean outputGate,
        float softcap,
        boolean keysAreValues,
        boolean valueNorm,
        int sharedLayer,
        boolean bidirectional,
        int relativeBuckets) {
    public static final AttentionOptions PLAIN = new AttentionOptions(false, false, 0, false, false, -1, false, 0);

    /// Encoder attention: everything is visible, with an optional relative bias of so many buckets.
    public static AttentionOptions encoder(int relativeBuckets) {
        return new AttentionOptions(false, false, 0, false, false, -1, true, relativeBuckets);
    }
}
