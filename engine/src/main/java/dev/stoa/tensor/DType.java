// SPDX-License-Identifier: Apache-2.0
package dev.stoa.tensor;

/// How elements lie in memory: plain types have blocks of one element, quantized ones pack a block of
/// `blockElements` values into `blockBytes` bytes (GGML layouts, little-endian).
public enum DType {
    F64(1, 8), F32(1, 4), F16(1, 2), BF16(1, 2),
    I64(1, 8), I32(1, 4), I16(1, 2), I8(1, 1), U8(1, 1), U16(1, 2), U32(1, 4), U64(1, 8), BOOL(1, 1),
    F8_E4M3(1, 1), F8_E5M2(1, 1),
    Q8_0(32, 34), Q4_0(32, 18), Q4_1(32, 20), Q5_0(32, 22), Q5_1(32, 24),
    Q2_K(256, 84), Q3_K(256, 110), Q4_K(256, 144), Q5_K(256, 176), Q6_K(256, 210),
    IQ4_NL(32, 18), IQ4_XS(256, 136), MXFP4(32, 17), NVFP4(64, 36),
    /// Several arrays, described by a [Packing]; has no bytes of its own.
    PACKED(1, 0);

    private final int blockElements;
    private final int blockBytes;

    DType(int blockElements, int blockBytes) {
        this.blockElements = blockElements;
        this.blockBytes = blockBytes;
    }

    public int blockElements() {
        return blockElements;
    }

    public int blockBytes() {
        return blockBytes;
    }

    public boolean quantized() {
        return blockElements > 1 || this == PACKED;
    }

    /// Bytes of `elements` values; they must fill whole blocks.
    public long bytes(long elements) {
        if (elements < 0 || elements % blockElements != 0) {
            throw new IllegalArgumentException(elements + " elements do not fill blocks of " + blockElements + " (" + this + ")");
        }
        return Math.multiplyExact(elements / blockElements, (long) blockBytes);
    }
}
