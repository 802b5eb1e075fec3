// SPDX-License-Identifier: Apache-2.0
package dev.stoa.kernel.scalar;

import dev.stoa.tensor.DType;
import dev.stoa.tensor.Tensor;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;

/// One row of a block-quantized weight as integers and scales, and its product with a row of 8-bit activations: the truth
/// that integer kernels of other providers give bit for bit. Reads the GGML layouts; value = scale * quant - minimum.
final class ScalarRounded {
    private static final int BLOCK = 32;
    private static final float TINY = 1e-30f;
    private static final ValueLayout.OfShort SHORT = ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

    private final int group;
    private final int[] quants;
    private final float[] scales;
    private final float[] minima;

    /// Buffers for rows of `k` values of `dtype`.
    ScalarRounded(DType dtype, int k) {
        this.group = dtype == DType.Q6_K ? 16 : BLOCK;
        this.quants = new int[k];
        this.scales = new float[k / group];
        this.minima = dtype == DType.Q4_K ? new float[k / group] : null;
    }

    static boolean has(DType dtype) {
        return switch (dtype) {
            case Q4_0, Q8_0, Q4_K, Q6_K -> true;
            default -> false;
        };
    }

    /// Row `row` of w.
    void read(Tensor w, int row) {
        DType dtype = w.dtype();
        long at = dtype.bytes(w.cols()) * row;
        for (int k = 0; k < quants.length; k += dtype.blockElements(), at += dtype.blockBytes()) {
            switch (dtype) {
                case Q4_0 -> {
                    scales[k / BLOCK] = half(w.data(), at);
                    for (int j = 0; j < BLOCK; j++) quants[k + j] = (bits(w.data(), at + 2 + j % 16) >> j / 16 * 4 & 15) - 8;
                }
                case Q8_0 -> {
                    scales[k / BLOCK] = half(w.data(), at);
                    for (int j = 0; j < BLOCK; j++) quants[k + j] = (byte) bits(w.data(), at + 2 + j);
                }
                case Q4_K -> readQ4K(w.data(), at, k);
                case Q6_K -> readQ6K(w.data(), at, k);
                default -> throw new IllegalArgumentException("no integer products with " + dtype);
            }
        }
    }

    private void readQ4K(MemorySegment data, long at, int k) {
        for (int g = 0; g < 8; g++) {
            int scale = g < 4 ? bits(data, at + 4 + g) & 63 : bits(data, at + 8 + g) & 15 | bits(data, at + g) >> 6 << 4;
            int minimum = g < 4 ? bits(data, at + 8 + g) & 63 : bits(data, at + 8 + g) >> 4 | bits(data, at + 4 + g) >> 6 << 4;
            scales[k / BLOCK + g] = half(data, at) * scale;
            minima[k / BLOCK + g] = half(data, at + 2) * minimum;
            for (int j = 0; j < BLOCK; j++) {
                quants[k + g * BLOCK + j] = bits(data, at + 16 + g / 2 * 32 + j) >> g % 2 * 4 & 15;
            }
        }
    }

    private void readQ6K(MemorySegment data, long at, int k) {
        for (int j = 0; j < 256; j++) {
            int half = j / 128;
            int part = j % 128 / 32;
            int low = bits(data, at + half * 64 + part % 2 * 32 + j % 32) >> part / 2 * 4 & 15;
            int high = bits(data, at + 128 + half * 32 + j % 32) >> part * 2 & 3;
            quants[k + j] = (low | high << 4) - 32;
            scales[(k + j) / 16] = half(data, at + 208) * (byte) bits(data, at + 192 + j / 16);
        }
    }

    /// Rounds a row of x from element `from` on: values (K) to integers, one scale per block.
    static void round(Tensor x, long from, int[] values, float[] blockScales) {
        for (int b = 0; b < blockScales.length; b++) {
            int largest = 0; // magnitudes in the order of their bits, where values that are not finite are the largest
            for (int j = 0; j < BLOCK; j++) {
                largest = Math.max(largest, Float.floatToRawIntBits(x.get(from + b * BLOCK + j)) & 0x7fffffff);
            }
            float most = Float.intBitsToFloat(largest);
            float inverse = most < TINY ? 0 : 127 / most;
            for (int j = 0; j < BLOCK; j++) {
                values[b * BLOCK + j] = (byte) Math.rint(x.get(from + b * BLOCK + j) * inverse);
            }
            blockScales[b] = most / 127;
        }
    }

    /// The product with a rounded row.
    float dot(int[] values, float[] blockScales) {
        float sum = 0;
        for (int g = 0; g < scales.length; g++) {
            int dot = 0;
            int total = 0;
            for (int k = g * group; k < (g + 1) * group; k++) {
                dot += quants[k] * values[k];
                total += values[k];
            }
            float scale = blockScales[g * group / BLOCK];
            sum = Math.fma((float) dot, scales[g] * scale, sum);
            if (minima != null) sum = Math.fma(-minima[g], scale * total, sum);
        }
        return sum;
    }

    private static int bits(MemorySegment data, long at) {
        return Byte.toUnsignedInt(data.get(ValueLayout.JAVA_BYTE, at));
    }

    private static float half(MemorySegment data, long at) {
        return Float.float16ToFloat(data.get(SHORT, at));
    }
}
