// SPDX-License-Identifier: Apache-2.0
package dev.stoa.kernel;

import dev.stoa.tensor.Tensor;
import java.lang.foreign.MemorySegment;

/// Scaled dot-product attention of single query rows over cached keys and values (grouped-query).
public interface Attention {
    /// One query row: its place in q and out, and the cache it reads. Keys and values are F32,
    /// laid out [kv head][token][dim] with `capacity` tokens per head; tokens [first, length) are visible.
    record Row(int index, MemorySegment keys, MemorySegment values, int capacity, int first, int length) {}

    /// out (T, heads * headDim) for each row: softmax(scale * q k) v; kv head of head h is h * kvHeads / heads.
    /// Tiles align to absolute token positions, so a row's bits do not depend on chunking or batch.
    void attend(Tensor q, Row[] rows, int heads, int kvHeads, int headDim, float scale, Tensor out);
}
