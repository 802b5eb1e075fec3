// SPDX-License-Identifier: Apache-2.0
package dev.stoa.quant;

/// Finds the scale code of one group of E2M1 values by least squared error: for powers of two the exponent below, at and
/// above floor(log2 max|x|) - 2; for E4M3 the codes around that of max|x| / 6. Not thread-safe.
final class FloatFit {
    private static final int NEIGHBORS = 2;
    final int[] codes;
    int scaleCode;
    private final int[] trial;
    private final boolean powersOfTwo;

    FloatFit(int group, boolean powersOfTwo) {
        this.codes = new int[group];
        this.trial = new int[group];
        this.powersOfTwo = powersOfTwo;
    }

    void fit(float[] x, int from, int count) {
        float largest = Math.abs(Quant.extreme(x, from, count));
        int center = powersOfTwo ? largest == 0 ? 0 : Math.getExponent(largest) - 2 + 127 : SmallFloats.e4m3Scale(largest / 6);
        int reach = powersOfTwo ? 1 : NEIGHBORS;
        double best = Double.POSITIVE_INFINITY;
        for (int code = Math.max(0, center - reach); code <= Math.min(powersOfTwo ? 254 : 0x7e, center + reach); code++) {
            float scale = powersOfTwo ? SmallFloats.e8m0(code) : SmallFloats.e4m3(code);
            double error = 0;
            for (int i = 0; i < count; i++) {
                trial[i] = SmallFloats.nearestE2m1(x[from + i], scale);
                double difference = SmallFloats.e2m1(trial[i]) * scale - x[from + i];
                error += difference * difference;
            }
            if (!(error < best)) continue;
            best = error;
            scaleCode = code;
            System.arraycopy(trial, 0, codes, 0, count);
        }
    }
}
