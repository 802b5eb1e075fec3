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
// every tile and every instruction set. layout.h tells where everything lies.
#ifndef STOA_PRODUCTS_H
#define STOA_PRODUCTS_H

#include "layout.h"
#include "rounding.h"

// x[i] += w * a[i] for the T rows of a tile.
#define DOT7(w, at) UNROLL for (int i = 0; i < T; i++) x[i] = i_dot7(x[i], w, i_set1((at)[i]))
#define DOT8(w, at) UNROLL for (int i = 0; i < T; i++) x[i] = i_dot8(x[i], w, i_set1((at)[i]))

// f[i] += x[i] * scale * as[i].
#define SCALE(scale) \
    UNROLL for (int i = 0; i < T; i++) f[i] = f_fma(f_of_int(x[i]), f_mul(scale, f_set1(as[i])), f[i])

// LANES rows of one group with T rows of activations.
INLINE void tile(const int format, const int T, const uint8_t *group, long blocks, int part, const int32_t *a,
        const float *as, const int32_t *aux, float *y, long ldy, int lanes, int accumulate, int ask) {
    const uint8_t *next = group + group_bytes(format, blocks);
    const uint8_t *q = group + part * 4 * LANES;
    const uint8_t *scales = group + blocks * quant_bytes(format);
    const uint8_t *super = scales + blocks * 32 + part * 2 * LANES;
    scales += part * LANES * (format == Q4_0 || format == Q8_0 ? 2 : 1);
    fvec f[VECTOR_TILE];
    UNROLL for (int i = 0; i < T; i++) f[i] = f_zero();
    for (long b = 0; b < blocks; b++) {
        if (part == 0 && ask) next = ask_for(format, next);
        ivec x[VECTOR_TILE];
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
        columns - p * LANES, accumulate, ask); break

INLINE void group_tile(const int format, int T, const uint8_t *group, long blocks, const int32_t *a, const float *as,
        const int32_t *aux, float *y, long ldy, int columns, int accumulate, int ask) {
    int parts = columns >= ROWS ? ROWS / LANES : (columns + LANES - 1) / LANES;
    switch (T) {
        CASE(1); CASE(2);
#if VECTOR_TILE > 2
        CASE(3); CASE(4);
#endif
#if VECTOR_TILE > 4
        CASE(5); CASE(6); CASE(8);
#endif
#if VECTOR_TILE > 8
        CASE(12);
#endif
    }
}

// Groups [from, to) with all rows. Chunks of groups stay in the second-level cache while the tiles pass over them.
INLINE void groups(const int format, const uint8_t *weights, long blocks, int from, int to, int rows, const int8_t *quants,
        const float *scales, const int32_t *aux, float *y, long ldy, int columns, int accumulate) {
    long bytes = group_bytes(format, blocks);
    for (int first = from; first < to; first += CHUNK) {
        int last = first + CHUNK < to ? first + CHUNK : to;
        int row = 0;
#ifdef MATRIX_ROWS
        row = matrix_groups(format, weights, blocks, first, last, rows, quants, scales, aux, y, ldy, columns, accumulate);
#endif
        for (int T; row < rows; row += T) {
            T = tile_rows(rows - row);
            const int32_t *a = (const int32_t *) (quants + row * blocks * BLOCK);
            for (int g = first; g < last; g++) {
                group_tile(format, T, weights + g * bytes, blocks, a, scales + row * blocks,
                        aux + row * blocks * aux_per_block(format), y + row * ldy + g * ROWS, ldy, columns - g * ROWS, accumulate, row == 0);
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

#endif
