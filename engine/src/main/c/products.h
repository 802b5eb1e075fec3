// SPDX-License-Identifier: Apache-2.0
//
// Products of 8-bit activations with block-quantized weights, written once over the primitives that each instruction
// set's file defines before it includes this one:
//
//   LANES                 rows of weights per vector: 16, 8 or 4
//   TILE                  rows of activations per pass, as many as registers allow
//   ivec, fvec            LANES int32, LANES floats
//   i_load(p)             4 * LANES bytes
//   i_set1(v), i_zero()
//   i_low(v), i_high(v)   low and high nibble of every byte
//   i_six(n, c, part)     a nibble vector n already cut, with two bits of c (part 0..3) above it
//   i_dot7(s, w, a)       s + sum of four products; w < 128 unsigned, a signed
//   i_dot8(s, w, a)       the same for w < 256
//   f_zero(), f_set1(v), f_of_int(v), f_mul, f_add, f_fma(a, b, c) = a b + c, f_fnma(a, b, c) = c - a b
//   f_half(p), f_bytes(p), f_signed(p)   LANES halves, unsigned bytes, signed bytes as floats
//   f_load(p), f_store(p, v)
//
// What is computed (and what the Java providers compute too, bit for bit): per output, block after block of 32 along k,
// an exact integer dot product, then f = fma(dot, weight scale * activation scale, f). One order for every number of rows,
// every tile and every instruction set.
//
// Weights: groups of 16 rows. Per group the quants of all blocks, then 32 bytes of scales per block, then the halves
// per 256 values of the K formats. A quant vector is 64 bytes: 4 consecutive k of 16 rows.
//   Q4_0  4 vectors a block (low nibbles k = 8v .. 8v + 3, high nibbles 8v + 4 .. 8v + 7); 16 halves. Value d (q - 8).
//   Q8_0  8 vectors a block, q + 128; 16 halves. Value d q.
//   Q4_K  as Q4_0; 16 scale and 16 minimum bytes; per 256 values 16 halves d, 16 halves dmin.
//   Q6_K  per 16 values two nibble vectors and one of bit pairs (k, k + 4, k + 8, k + 12); 16 scale bytes each; halves d.
//
// Activations: tiles of TILE rows, the last ones of 8, 4, 2, 1 rows as they fill (T rows): quants [block][8][T] ints of 4 bytes, scales [block][T],
// and [block][T] (Q6_K: [block][2][T]) of what the offset of the format adds: -8, -128, -32 times the sum of the quants as
// int; for Q4_K the scale times that sum as float.
#ifndef STOA_PRODUCTS_H
#define STOA_PRODUCTS_H

#include <stdint.h>
#include <string.h>

#define EXPORT __attribute__((visibility("default")))
#define INLINE static inline __attribute__((always_inline))
#ifdef __clang__
#define UNROLL _Pragma("clang loop unroll(full)")
#else
#define UNROLL _Pragma("GCC unroll 16")
#endif

enum { Q4_0, Q8_0, Q4_K, Q6_K };
enum { ROWS = 16, VECTOR = 64, BLOCK = 32, CHUNK = 16 };

INLINE long quant_bytes(int format) {
    return format == Q8_0 ? 8 * VECTOR : format == Q6_K ? 6 * VECTOR : 4 * VECTOR;
}

INLINE long group_bytes(int format, long blocks) {
    long super = format == Q4_K ? 64 : format == Q6_K ? 32 : 0;
    long bytes = blocks * (quant_bytes(format) + 32) + blocks / 8 * super;
    return (bytes + VECTOR - 1) / VECTOR * VECTOR;
}

INLINE int aux_per_block(int format) {
    return format == Q6_K ? 2 : 1;
}

// x[i] += w * a[i] for the T rows of a tile.
#define DOT7(w, at) UNROLL for (int i = 0; i < T; i++) x[i] = i_dot7(x[i], w, i_set1((at)[i]))
#define DOT8(w, at) UNROLL for (int i = 0; i < T; i++) x[i] = i_dot8(x[i], w, i_set1((at)[i]))

// f[i] += x[i] * scale * as[i].
#define SCALE(scale) \
    UNROLL for (int i = 0; i < T; i++) f[i] = f_fma(f_of_int(x[i]), f_mul(scale, f_set1(as[i])), f[i])

// LANES rows of one group with T rows of activations.
INLINE void tile(const int format, const int T, const uint8_t *group, long blocks, int part, const int32_t *a,
        const float *as, const int32_t *aux, float *y, long ldy, int lanes, int accumulate) {
    const uint8_t *q = group + part * 4 * LANES;
    const uint8_t *scales = group + blocks * quant_bytes(format);
    const uint8_t *super = scales + blocks * 32 + part * 2 * LANES;
    scales += part * LANES * (format == Q4_0 || format == Q8_0 ? 2 : 1);
    fvec f[TILE];
    UNROLL for (int i = 0; i < T; i++) f[i] = f_zero();
    for (long b = 0; b < blocks; b++) {
        ivec x[TILE];
        if (format == Q4_0 || format == Q4_K) {
            UNROLL for (int i = 0; i < T; i++) x[i] = format == Q4_0 ? i_set1(aux[i]) : i_zero();
            UNROLL for (int j = 0; j < 4; j++) {
                ivec v = i_load(q + VECTOR * j);
                ivec low = i_low(v), high = i_high(v);
                DOT7(low, a + 2 * j * T);
                DOT7(high, a + (2 * j + 1) * T);
            }
        }
        if (format == Q8_0) {
            UNROLL for (int i = 0; i < T; i++) x[i] = i_set1(aux[i]);
            UNROLL for (int j = 0; j < 8; j++) {
                ivec v = i_load(q + VECTOR * j);
                DOT8(v, a + j * T);
            }
        }
        if (format == Q4_0 || format == Q8_0) {
            fvec d = f_half(scales);
            SCALE(d);
        }
        if (format == Q4_K) {
            const float *sums = (const float *) aux;
            fvec scale = f_mul(f_half(super), f_bytes(scales));
            fvec minimum = f_mul(f_half(super + 32), f_bytes(scales + 16));
            SCALE(scale);
            UNROLL for (int i = 0; i < T; i++) f[i] = f_fnma(minimum, f_set1(sums[i]), f[i]);
            if (b % 8 == 7) super += 64;
        }
        if (format == Q6_K) {
            fvec d = f_half(super);
            UNROLL for (int h = 0; h < 2; h++) {
                UNROLL for (int i = 0; i < T; i++) x[i] = i_set1(aux[h * T + i]);
                const uint8_t *at = q + 3 * VECTOR * h;
                ivec n0 = i_load(at), n1 = i_load(at + VECTOR), c = i_load(at + 2 * VECTOR);
                ivec w0 = i_six(i_low(n0), c, 0), w1 = i_six(i_high(n0), c, 1);
                DOT7(w0, a + (4 * h) * T);
                DOT7(w1, a + (4 * h + 1) * T);
                ivec w2 = i_six(i_low(n1), c, 2), w3 = i_six(i_high(n1), c, 3);
                DOT7(w2, a + (4 * h + 2) * T);
                DOT7(w3, a + (4 * h + 3) * T);
                fvec scale = f_mul(d, f_signed(scales + 16 * h));
                SCALE(scale);
            }
            if (b % 8 == 7) super += 32;
        }
        q += quant_bytes(format);
        scales += 32;
        a += 8 * T;
        as += T;
        aux += aux_per_block(format) * T;
    }
    UNROLL for (int i = 0; i < T; i++) {
        float *to = y + i * ldy;
        if (lanes >= LANES) {
            f_store(to, accumulate ? f_add(f_load(to), f[i]) : f[i]);
        } else {
            float last[LANES];
            f_store(last, f[i]);
            for (int l = 0; l < lanes; l++) to[l] = accumulate ? to[l] + last[l] : last[l];
        }
    }
}

// One group of rows with one tile of activations, the number of rows a constant.
#define CASE(n) case n: for (int p = 0; p < parts; p++) tile(format, n, group, blocks, p, a, as, aux, y + p * LANES, ldy, \
        columns - p * LANES, accumulate); break

INLINE void group_tile(const int format, int T, const uint8_t *group, long blocks, const int32_t *a, const float *as,
        const int32_t *aux, float *y, long ldy, int columns, int accumulate) {
    int parts = columns >= ROWS ? ROWS / LANES : (columns + LANES - 1) / LANES;
    switch (T) {
        CASE(1); CASE(2); CASE(4);
#if TILE > 4
        CASE(8);
#endif
#if TILE > 8
        CASE(12);
#endif
    }
}

// The next tile of `left` rows: the largest that they fill.
INLINE int tile_rows(long left) {
    if (left >= TILE) return TILE;
    return left >= 8 ? 8 : left >= 4 ? 4 : left >= 2 ? 2 : 1;
}

// Groups [from, to) with all rows. Chunks of groups stay in the second-level cache while the tiles pass over them.
INLINE void groups(const int format, const uint8_t *weights, long blocks, int from, int to, int rows, const int8_t *quants,
        const float *scales, const int32_t *aux, float *y, long ldy, int columns, int accumulate) {
    long bytes = group_bytes(format, blocks);
    for (int first = from; first < to; first += CHUNK) {
        int last = first + CHUNK < to ? first + CHUNK : to;
        for (int T, row = 0; row < rows; row += T) {
            T = tile_rows(rows - row);
            const int32_t *a = (const int32_t *) (quants + row * blocks * BLOCK);
            for (int g = first; g < last; g++) {
                group_tile(format, T, weights + g * bytes, blocks, a, scales + row * blocks,
                        aux + row * blocks * aux_per_block(format), y + row * ldy + g * ROWS, ldy, columns - g * ROWS, accumulate);
            }
        }
    }
}

// y[row][16 g + lane] (= or +=) for groups [from, to) and all rows; ldy floats between rows of y, columns in all.
EXPORT void stoa_product(int format, const uint8_t *weights, long blocks, int from, int to, int rows, const int8_t *quants,
        const float *scales, const int32_t *aux, float *y, long ldy, int columns, int accumulate) {
    switch (format) {
        case Q4_0: groups(Q4_0, weights, blocks, from, to, rows, quants, scales, aux, y, ldy, columns, accumulate); break;
        case Q8_0: groups(Q8_0, weights, blocks, from, to, rows, quants, scales, aux, y, ldy, columns, accumulate); break;
        case Q4_K: groups(Q4_K, weights, blocks, from, to, rows, quants, scales, aux, y, ldy, columns, accumulate); break;
        case Q6_K: groups(Q6_K, weights, blocks, from, to, rows, quants, scales, aux, y, ldy, columns, accumulate); break;
    }
}

EXPORT int stoa_tile_rows(void) {
    return TILE;
}

// One block of 32 values to 8 bits: scale = largest magnitude / 127, quants to the nearest integer, ties to even. A value
// that is not finite makes the scale so, and with it every output of the row.
INLINE float quantize_block(const float *x, int32_t *q) {
    int32_t bits[BLOCK];
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
    for (int k = 0; k < BLOCK; k++) q[k] = (int8_t) (q[k] - 0x4b400000);
    return most / 127;
}

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
                int32_t q[BLOCK];
                float scale = quantize_block(x + (row + i) * ldx + b * BLOCK, q);
                int32_t half[2] = {0, 0};
                for (int k = 0; k < BLOCK; k++) half[k / 16] += q[k];
                for (int j = 0; j < 8; j++) {
                    uint32_t word = (uint8_t) q[4 * j] | (uint32_t) (uint8_t) q[4 * j + 1] << 8
                            | (uint32_t) (uint8_t) q[4 * j + 2] << 16 | (uint32_t) (uint8_t) q[4 * j + 3] << 24;
                    memcpy(tq + ((b * 8 + j) * T + i) * 4, &word, 4);
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
