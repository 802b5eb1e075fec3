// SPDX-License-Identifier: Apache-2.0
//
// Rows of floats to 8 bits.
#ifndef STOA_ROUNDING_H
#define STOA_ROUNDING_H

#include "layout.h"

#ifndef ROUND_BLOCK
// One block of 32 values to 8 bits: scale = largest magnitude / 127, quants to the nearest integer, ties to even; `half` takes
// their sums over the first and the last 16. A value that is not finite makes the scale so, and with it every output of the row.
INLINE float round_block(const float *x, int8_t *to, int32_t *half) {
    int32_t bits[BLOCK], q[BLOCK];
    memcpy(bits, x, sizeof bits);
    int32_t largest = 0;
    for (int k = 0; k < BLOCK; k++) {
        int32_t magnitude = bits[k] & 0x7fffffff;
        largest = magnitude > largest ? magnitude : largest;
    }
    float most;
    memcpy(&most, &largest, sizeof most);
    // Below this the reciprocal overflows; such rows count as zero.
    float inverse = most < 1e-30f ? 0 : 127 / most;
    float shifted[BLOCK];
    for (int k = 0; k < BLOCK; k++) shifted[k] = x[k] * inverse + 12582912; // 1.5 * 2^23 leaves the integer in the low bits
    memcpy(q, shifted, sizeof shifted);
    for (int k = 0; k < BLOCK; k++) to[k] = (int8_t) (q[k] - 0x4b400000);
    half[0] = half[1] = 0;
    for (int k = 0; k < BLOCK; k++) half[k / 16] += to[k];
    return most / 127;
}
#endif

// Rows [from, to) of x, ldx floats apart, to their tiles; `from` is a multiple of TILE, `to` too or the number of rows.
EXPORT void stoa_quantize(int format, const float *x, long ldx, long blocks, int from, int to, int8_t *quants,
        float *scales, int32_t *aux) {
    int per = aux_per_block(format);
    for (long T, row = from; row < to; row += T) {
        T = tile_rows(to - row);
        int8_t *tq = quants + row * blocks * BLOCK;
        float *ts = scales + row * blocks;
        int32_t *ta = aux + row * blocks * per;
        for (int i = 0; i < T; i++) {
            for (long b = 0; b < blocks; b++) {
                int8_t q[BLOCK] __attribute__((aligned(32)));
                int32_t half[2];
                float scale = round_block(x + (row + i) * ldx + b * BLOCK, q, half);
                if (row_major(T)) {
                    memcpy(tq + (b * T + i) * BLOCK, q, BLOCK);
                } else {
                    for (int j = 0; j < 8; j++) memcpy(tq + ((b * 8 + j) * T + i) * 4, q + 4 * j, 4);
                }
                ts[b * T + i] = scale;
                int32_t sum = half[0] + half[1];
                float scaled = scale * (float) sum;
                switch (format) {
                    case Q4_0: ta[b * T + i] = -8 * sum; break;
                    case Q8_0: ta[b * T + i] = -128 * sum; break;
                    case Q4_K: memcpy(ta + b * T + i, &scaled, 4); break;
                    case Q6_K: ta[(2 * b) * T + i] = -32 * half[0]; ta[(2 * b + 1) * T + i] = -32 * half[1]; break;
                }
            }
        }
    }
}

#endif
