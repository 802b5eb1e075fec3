// SPDX-License-Identifier: Apache-2.0
package dev.stoa.quant;

import dev.stoa.tensor.DType;
import dev.stoa.tensor.Tensor;

/// How far the values of a format may lie from those they were encoded from, whoever encoded them: within each aligned
/// `block` of columns at most `share` times the largest magnitude of the block, plus `floor`.
///
/// A float type may round or truncate. A block format may miss by one and a half of its widest steps (half a step of
/// rounding, an end of the range that the search for a scale gave up, the rounding of the scale itself); formats of two
/// bits have so few steps that little more than sign and size is held.
///
/// @param share 0 for F32: the value itself
public record FormatError(int block, double share, double floor) {
    /// Smallest subnormal of half precision.
    private static final double HALF_FLOOR = 0x1p-24;
    /// Six times half of the smallest E4M3 scale: blocks this small have no scale of their own.
    private static final double NVFP4_FLOOR = 6 * 0x1p-10;
    /// Beyond this the bound would say nothing of a block.
    private static final double LARGEST = 0.9;

    /// The error of the format that a tensor has, or null where no bound is known: codebooks, and formats of plug-ins.
    public static FormatError of(Tensor tensor) {
        return switch (tensor.dtype()) {
            case F32 -> new FormatError(1, 0, 0);
            case F16 -> new FormatError(1, 0x1p-10, HALF_FLOOR);
            case BF16 -> new FormatError(1, 0x1p-7, Float.MIN_NORMAL);
            case NVFP4 -> new FormatError(tensor.dtype().blockElements(), share(tensor.dtype()), NVFP4_FLOOR);
            case Q8_0, Q4_0, Q4_1, Q5_0, Q5_1, Q2_K, Q3_K, Q4_K, Q5_K, Q6_K, IQ4_NL, IQ4_XS, MXFP4 ->
                    new FormatError(tensor.dtype().blockElements(), share(tensor.dtype()), HALF_FLOOR);
            case PACKED -> packed(tensor);
            default -> null;
        };
    }

    private static double share(DType dtype) {
        return switch (dtype) {
            case Q8_0 -> steps(1, 127);
            case Q6_K -> steps(1, 32);
            case Q5_0 -> steps(1, 16);
            case Q5_1, Q5_K -> steps(2, 31);
            case Q4_0 -> steps(1, 8);
            case Q4_1, Q4_K -> steps(2, 15);
            case Q3_K -> steps(1, 4);
            case Q2_K -> steps(2, 3);
            case IQ4_NL, IQ4_XS -> steps(24, 127);
            default -> steps(2, 8); // E2M1: 2 between 4 and 6, and up to 8 is cut off at 6
        };
    }

    private static FormatError packed(Tensor tensor) {
        return switch (tensor.packing()) {
            // Groups of a flat stream begin anywhere in a row; scales and offsets may have the 8 bits of BF16.
            case AffinePacking affine -> new FormatError(affine.flat() ? affine.cols() : affine.group(),
                    Math.min(LARGEST, steps(2, (1 << affine.bits()) - 1) + 0x1p-7), HALF_FLOOR);
            case FloatPacking floats -> new FormatError(floats.group(), floats.bits() == 4 ? steps(2, 8) : steps(1, 8),
                    floats.powersOfTwo() ? HALF_FLOOR : NVFP4_FLOOR);
            default -> null;
        };
    }

    /// One and a half steps of a range that `count` steps fill; the range is given in units of the largest magnitude.
    private static double steps(double range, int count) {
        return Math.min(LARGEST, 1.5 * range / count);
    }

    /// The column of the first value of a row that lies too far from the expected one, or -1. `slack` is allowed on top,
    /// relative to a value or to 1. A value that is not finite is always too far.
    public int firstBeyond(float[] expected, float[] got, double slack) {
        for (int from = 0; from < got.length; from += block) {
            int to = Math.min(got.length, from + block);
            double largest = 0;
            for (int i = from; i < to; i++) largest = Math.max(largest, Math.abs(expected[i]));
            double limit = share * largest + (share == 0 ? 0 : floor);
            for (int i = from; i < to; i++) {
                double allowed = limit + slack * Math.max(1, Math.abs(expected[i]));
                if (!(Math.abs((double) got[i] - expected[i]) <= allowed)) return i;
            }
        }
        return -1;
    }
}
