// SPDX-License-Identifier: Apache-2.0
//
// Softmax and cross-entropy of rows that are seen tile by tile: all sums are F32 over a tile and double over tiles.
#ifndef STOA_SOFTMAX_H
#define STOA_SOFTMAX_H

#include "bf16.h"
#include <math.h>

// e^x within 2 ulp (Cephes expf); below -87 it is 0.
INLINE __m512 exponential(__m512 x) {
    __m512 rounder = _mm512_set1_ps(12582912.0f), shifted = _mm512_fmadd_ps(x, _mm512_set1_ps(1.442695041f), rounder);
    __m512 n = _mm512_sub_ps(shifted, rounder);
    __m512 r = _mm512_fmadd_ps(n, _mm512_set1_ps(-0.693359375f), x);
    r = _mm512_fmadd_ps(n, _mm512_set1_ps(2.12194440e-4f), r);
    __m512 p = _mm512_set1_ps(1.9875691500e-4f);
    p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(1.3981999507e-3f));
    p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(8.3334519073e-3f));
    p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(4.1665795894e-2f));
    p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(1.6666665459e-1f));
    p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(5.0000001201e-1f));
    p = _mm512_add_ps(_mm512_fmadd_ps(p, _mm512_mul_ps(r, r), r), _mm512_set1_ps(1));
    __m512i scaled = _mm512_add_epi32(_mm512_castps_si512(p), _mm512_slli_epi32(_mm512_castps_si512(shifted), 23));
    return _mm512_maskz_mov_ps(_mm512_cmp_ps_mask(x, _mm512_set1_ps(-87), _CMP_NLT_UQ), _mm512_castsi512_ps(scaled));
}

// What is known of a row so far: the largest value, where it is first, and the sum of exp(value - largest).
struct row {
    double sum;
    float most, own; // own: the value at the target, once its tile was seen
    int32_t best, target;
};

// Takes columns [column, column + columns) of rows [from, to) into account; x is the tile.
EXPORT void stoa_bf16_softmax_tile(const float *x, int64_t ldx, int from, int to, int column, int columns, struct row *rows) {
    for (long i = from; i < to; i++) {
        const float *p = x + i * ldx;
        struct row *r = rows + i;
        __m512 most = _mm512_set1_ps(-INFINITY);
        for (long j = 0; j < columns; j += 16) {
            __mmask16 mask = first(columns - j);
            most = _mm512_mask_max_ps(most, mask, most, _mm512_maskz_loadu_ps(mask, p + j));
        }
        float top = _mm512_reduce_max_ps(most);
        if (top > r->most) {
            r->sum *= exp((double) r->most - top);
            r->most = top;
            for (long j = 0; j < columns; j += 16) {
                __mmask16 found = _mm512_mask_cmp_ps_mask(first(columns - j), _mm512_maskz_loadu_ps(first(columns - j), p + j), _mm512_set1_ps(top), _CMP_EQ_OQ);
                if (!found) continue;
                r->best = (int32_t) (column + j + __builtin_ctz(found));
                break;
            }
        }
        __m512 sum = _mm512_setzero_ps(), shift = _mm512_set1_ps(r->most);
        for (long j = 0; j < columns; j += 16) {
            __mmask16 mask = first(columns - j);
            __m512 e = exponential(_mm512_sub_ps(_mm512_maskz_loadu_ps(mask, p + j), shift));
            sum = _mm512_mask_add_ps(sum, mask, sum, e);
        }
        r->sum += _mm512_reduce_add_ps(sum);
        if (r->target >= column && r->target < column + columns) r->own = p[r->target - column];
    }
}

// The gradient weight * (softmax - onehot) of a tile, as a left operand; rows from `rows` on are zeros.
EXPORT void stoa_bf16_softmax_slope(const float *x, int64_t ldx, int from, int to, int rows, int column, int columns, const struct row *all,
        const float *weights, bf16 *out, int64_t lda, int64_t plane, int pieces) {
    for (long i = from; i < to; i++) {
        long count = i < rows ? columns : 0;
        const float *p = x + (i < rows ? i : 0) * ldx;
        const struct row *r = all + (i < rows ? i : 0);
        float weight = i < rows ? weights[i] : 0;
        __m512 shift = _mm512_set1_ps(r->most), scale = _mm512_set1_ps((float) (weight / r->sum));
        for (long j = 0; j < columns; j += 32) {
            __m512 g[2];
            for (int half = 0; half < 2; half++) {
                long at = j + 16 * half;
                __mmask16 mask = first(count - at);
                g[half] = _mm512_maskz_mul_ps(mask, exponential(_mm512_sub_ps(_mm512_maskz_loadu_ps(mask, p + at), shift)), scale);
                long own = (long) r->target - column - at;
                if (own >= 0 && own < 16) {
                    g[half] = _mm512_mask_sub_ps(g[half], mask & (__mmask16) (1 << own), g[half], _mm512_set1_ps(weight));
                }
            }
            for (int piece = 0; piece < pieces; piece++) {
                __m512i b = rounded(g[0], g[1]);
                _mm512_storeu_si512(out + piece * plane + i * lda + j, b);
                g[0] = _mm512_sub_ps(g[0], low_half(b));
                g[1] = _mm512_sub_ps(g[1], high_half(b));
            }
        }
    }
}
#endif
