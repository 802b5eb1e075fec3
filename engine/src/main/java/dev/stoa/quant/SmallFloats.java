// SPDX-License-Identifier: Apache-2.0
package dev.stoa.quant;

/// The 4- and 8-bit numbers of the OCP microscaling formats: E2M1 (0, .5, 1, 1.5, 2, 3, 4, 6 and a sign), E4M3 (bias 7,
/// largest 448, no infinity) and E8M0 (a power of two; 255 is not a number).
final class SmallFloats {
    /// E2M1 by code; zero has no sign, as in GGML.
    private static final float[] E2M1 = {0, .5f, 1, 1.5f, 2, 3, 4, 6, 0, -.5f, -1, -1.5f, -2, -3, -4, -6};
    /// E4M3 by code.
    private static final float[] E4M3 = new float[256];

    static {
        for (int code = 0; code < 256; code++) {
            int exponent = code >> 3 & 15;
            int mantissa = code & 7;
            float magnitude = exponent == 15 && mantissa == 7 ? Float.NaN
                    : exponent == 0 ? mantissa * 0x1p-9f : Math.scalb(1 + mantissa / 8f, exponent - 7);
            E4M3[code] = code < 128 ? magnitude : -magnitude;
        }
    }

    private SmallFloats() {}

    static float e2m1(int code) {
        return E2M1[code];
    }

    static float e4m3(int code) {
        return E4M3[code];
    }

    /// 2^(code - 127).
    static float e8m0(int code) {
        return code == 255 ? Float.NaN : code == 0 ? 0x1p-127f : Float.intBitsToFloat(code << 23);
    }

    /// The code whose value times `scale` is nearest to `x`, the lowest of equals.
    static int nearestE2m1(float x, float scale) {
        int best = 0;
        float least = Math.abs(x);
        for (int code = 1; code < 16; code++) {
            float error = Math.abs(E2M1[code] * scale - x);
            if (error < least) {
                best = code;
                least = error;
            }
        }
        return best;
    }

    /// The E4M3 code of a scale as GGML rounds it: half up, at most 448, below half the least value 0.
    static int e4m3Scale(float x) {
        if (!(x > 0)) return 0;
        int bits = Float.floatToRawIntBits(Math.min(x, 448));
        int exponent = (bits >>> 23) - 127 + 7;
        if (exponent <= 0) return Math.min(7, (int) (x * 512 + 0.5f));
        if (exponent >= 15) return 0x7e;
        int code = (exponent << 3 | bits >>> 20 & 7) + (bits >>> 19 & 1); // a carry moves on into the exponent
        return code >> 3 == 15 ? 0x7e : code;
    }
}
