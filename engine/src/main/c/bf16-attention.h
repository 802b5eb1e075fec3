// SPDX-License-Identifier: Apache-2.0
//
// Causal attention within one sample for training, forward and backward, by bfloat16 products (see bf16.h). Statistics,
// probabilities and their gradients are F32; only factors of products are rounded. One call does one key head and the query
// heads that read it. Nothing of the size of all scores is kept: backward computes them again from the log-sum-exp.
#ifndef STOA_ATTENTION_H
#define STOA_ATTENTION_H

#include "bf16.h"
#include <math.h>

enum { QUERIES = 64 };

// One sample: rows of q, out and dout are `query_stride` floats apart, those of k and v `key_stride`; the pointers are those of
// its first row and of the first query head or the key head. lse has a row of `heads` floats.
struct sample {
    const float *q, *k, *v;
    float *out, *lse;
    const float *dout;
    float *dq, *dk, *dv;
    int64_t query_stride, key_stride, heads, group, count, dim, window;
    double scale;
};

INLINE long filled(long n) {
    return (n + 31) / 32 * 32;
}

// Room for both passes: the key head's packed operands, then one block of queries.
INLINE long room(long count, long dim) {
    long n = filled(count), d = filled(dim), wide = n + 32;
    return 2 * 3 * n * d + 4 * 2 * d * (n + 16) + 2 * 2 * QUERIES * d + 2 * 2 * d * (QUERIES + 32) + 4 * 2 * QUERIES * (n + 16)
            + 2 * 3 * QUERIES * wide + 4 * QUERIES * (d + 16) + 4096;
}

EXPORT int64_t stoa_bf16_attention_room(int64_t count, int64_t dim) {
    return room(count, dim);
}

INLINE void *take(uint8_t **at, long bytes) {
    void *taken = *at;
    *at += (bytes + 63) / 64 * 64;
    return taken;
}

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

INLINE struct term rows_of(const float *w, long stride, long count, long dim, int back) {
    return (struct term) {.w = (const uint8_t *) w, .row_bytes = 4 * stride, .outputs = count, .inputs = dim, .format = F32, .back = back, .w_pieces = 1, .scale = 1};
}

// Rows [from, from + rows) of one head as a left operand, zeros beyond the last.
INLINE void left(const float *x, long stride, long count, long dim, long from, long rows, bf16 *out, long lda) {
    for (long i = 0; i < rows; i++) {
        long valid = from + i < count ? dim : 0;
        const float *p = x + (valid ? from + i : 0) * stride;
        for (long d = 0; d < dim; d += 32) {
            __m512 a = _mm512_maskz_loadu_ps(first(valid - d), p + d), b = _mm512_maskz_loadu_ps(first(valid - d - 16), p + d + 16);
            _mm512_storeu_si512(out + i * lda + d, rounded(a, b));
        }
    }
}

// The columns of a left operand of QUERIES rows as rows of another.
INLINE void turned(const bf16 *x, long lda, long dim, bf16 *out, long ldo) {
    __m512i low = _mm512_loadu_si512(LOW);
    for (long half = 0; half < QUERIES; half += 32) {
        for (long d = 0; d < dim; d += 16) {
            __m512i pairs[16];
            for (int i = 0; i < 16; i++) {
                const bf16 *p = x + (half + 2 * i) * lda + d;
                __m512i even = _mm512_castsi256_si512(_mm256_loadu_si256((const __m256i *) p));
                __m512i odd = _mm512_castsi256_si512(_mm256_loadu_si256((const __m256i *) (p + lda)));
                pairs[i] = _mm512_permutex2var_epi16(even, low, odd);
            }
            transpose_pairs(pairs, out + d * ldo + half, 2 * ldo);
        }
    }
}

// Products of `rows` rows with key panels [from, to): scores (rows, to), columns before `from` untouched.
INLINE void scores(const bf16 *a, long lda, const bf16 *packed, long d, long rows, long from, long to, float *s, long lds) {
    for (long p = from; p < to; p += PANEL) {
        for (long m = 0; m < rows; m += PANEL) block(a + m * lda, lda, packed + p * d, 16 * d, d, s + m * lds + p, lds, 0, PANEL);
    }
}

INLINE long first_key(const struct sample *s, long row) {
    return s->window && row + 1 > s->window ? row + 1 - s->window : 0;
}

// Probabilities, not divided by their sum, of keys [low, row]; zeros in the rest of [from, to). Answers the sum.
INLINE float weigh(const float *s, long low, long row, long from, long to, float scale, bf16 *p, float *lse) {
    __m512 most = _mm512_set1_ps(-INFINITY), factor = _mm512_set1_ps(scale);
    for (long j = from; j < to; j += 16) {
        __mmask16 mask = first(row + 1 - j) & ~first(low - j);
        most = _mm512_mask_max_ps(most, mask, most, _mm512_loadu_ps(s + j));
    }
    float max = _mm512_reduce_max_ps(most) * scale;
    __m512 sum = _mm512_setzero_ps(), top = _mm512_set1_ps(max);
    for (long j = from; j < to; j += 32) {
        __m512 x = _mm512_maskz_mov_ps(first(row + 1 - j) & ~first(low - j), exponential(_mm512_fmsub_ps(_mm512_loadu_ps(s + j), factor, top)));
        __m512 y = _mm512_maskz_mov_ps(first(row - 15 - j) & ~first(low - 16 - j), exponential(_mm512_fmsub_ps(_mm512_loadu_ps(s + j + 16), factor, top)));
        sum = _mm512_add_ps(sum, _mm512_add_ps(x, y));
        _mm512_storeu_si512(p + j, rounded(x, y));
    }
    float total = _mm512_reduce_add_ps(sum);
    *lse = max + logf(total);
    return total;
}

EXPORT void stoa_bf16_attend(const struct sample *s, uint8_t *at) {
    long n = filled(s->count), d = filled(s->dim), wide = n + 32;
    bf16 *keys = take(&at, 2 * n * d), *values = take(&at, 2 * n * d), *query = take(&at, 2 * PANEL * d), *weights = take(&at, 2 * PANEL * wide);
    float *raw = take(&at, 4 * PANEL * (n + 16)), *sums = take(&at, 4 * PANEL * (d + 16));
    struct term by_key = rows_of(s->k, s->key_stride, s->count, s->dim, 0), by_value = rows_of(s->v, s->key_stride, s->count, s->dim, 1);
    begin();
    pack(&by_key, 0, n, 0, d, keys);
    pack(&by_value, 0, d, 0, n, values);
    for (long h = 0; h < s->group; h++) {
        for (long row = 0; row < s->count; row += PANEL) {
            long rows = least(PANEL, s->count - row), from = first_key(s, row) / 32 * 32, to = filled(row + rows);
            float inverse[PANEL];
            left(s->q + h * s->dim, s->query_stride, s->count, s->dim, row, PANEL, query, d);
            scores(query, d, keys, d, PANEL, from, to, raw, n + 16);
            for (long i = 0; i < PANEL; i++) {
                if (i >= rows) {
                    memset(weights + i * wide + from, 0, (size_t) (2 * (to - from)));
                    continue;
                }
                inverse[i] = 1 / weigh(raw + i * (n + 16), first_key(s, row + i), row + i, from, to, (float) s->scale, weights + i * wide,
                        s->lse + (row + i) * s->heads + h);
            }
            for (long p = 0; p < d; p += PANEL) {
                block(weights + from, wide, values + p * n + 16 * from, 16 * n, to - from, sums + p, d + 16, 0, PANEL);
            }
            for (long i = 0; i < rows; i++) {
                float *out = s->out + (row + i) * s->query_stride + h * s->dim;
                for (long p = 0; p < s->dim; p += 16) {
                    _mm512_mask_storeu_ps(out + p, first(s->dim - p), _mm512_mul_ps(_mm512_loadu_ps(sums + i * (d + 16) + p), _mm512_set1_ps(inverse[i])));
                }
            }
        }
    }
    end();
}

// Probabilities and gradients of scores of a row, both rounded; zeros outside of keys [low, row].
INLINE void slopes(const float *s, const float *dp, long low, long row, long from, long to, float scale, float lse, float delta, bf16 *p, bf16 *ds) {
    __m512 factor = _mm512_set1_ps(scale), top = _mm512_set1_ps(lse), middle = _mm512_set1_ps(delta);
    for (long j = from; j < to; j += 32) {
        __m512 w[2], g[2];
        for (int half = 0; half < 2; half++) {
            long at = j + 16 * half;
            w[half] = exponential(_mm512_fmsub_ps(_mm512_loadu_ps(s + at), factor, top));
            w[half] = _mm512_maskz_mov_ps(first(row + 1 - at) & ~first(low - at), w[half]);
            g[half] = _mm512_mul_ps(_mm512_mul_ps(_mm512_sub_ps(_mm512_loadu_ps(dp + at), middle), w[half]), factor);
        }
        _mm512_storeu_si512(p + j, rounded(w[0], w[1]));
        _mm512_storeu_si512(ds + j, rounded(g[0], g[1]));
    }
}

// Rows of a left operand as the right operand of a product over them: columns [from, to), QUERIES deep.
INLINE void paired(const bf16 *x, long lda, long from, long to, bf16 *out) {
    __m512i low = _mm512_loadu_si512(LOW), high = _mm512_add_epi16(low, _mm512_set1_epi16(16));
    for (long i = 0; i < QUERIES; i += 2) {
        for (long j = from; j < to; j += 32) {
            __m512i even = _mm512_loadu_si512(x + i * lda + j), odd = _mm512_loadu_si512(x + (i + 1) * lda + j);
            _mm512_storeu_si512(out + j * QUERIES + 16 * i, _mm512_permutex2var_epi16(even, low, odd));
            _mm512_storeu_si512(out + (j + 16) * QUERIES + 16 * i, _mm512_permutex2var_epi16(even, high, odd));
        }
    }
}

// out (count, dim) = x (dim, count) transposed.
static void untranspose(const float *x, long ldx, long count, long dim, float *out, long stride) {
    float tile[16 * 16];
    for (long j = 0; j < count; j += 16) {
        for (long p = 0; p < dim; p += 16) {
            __m512i rows[16];
            for (int i = 0; i < 16; i++) rows[i] = _mm512_castps_si512(_mm512_loadu_ps(x + (p + i) * ldx + j));
            transpose_pairs(rows, tile, 64);
            for (long i = 0; i < least(16, count - j); i++) {
                _mm512_mask_storeu_ps(out + (j + i) * stride + p, first(dim - p), _mm512_loadu_ps(tile + 16 * i));
            }
        }
    }
}

// With p = exp(scale s - lse), dp = dout v, delta = dout out: ds = scale p (dp - delta), dq = ds k, dk = dst q, dv = pt dout.
EXPORT void stoa_bf16_attend_back(const struct sample *s, uint8_t *at) {
    long n = filled(s->count), d = filled(s->dim), wide = n + 32, high = n + 16, turn = QUERIES + 32;
    bf16 *keys = take(&at, 2 * n * d), *values = take(&at, 2 * n * d), *deep = take(&at, 2 * n * d);
    float *dk = take(&at, 4 * d * high), *dv = take(&at, 4 * d * high);
    bf16 *query = take(&at, 2 * QUERIES * d), *dout = take(&at, 2 * QUERIES * d);
    bf16 *query_turned = take(&at, 2 * d * turn), *dout_turned = take(&at, 2 * d * turn);
    float *raw = take(&at, 4 * QUERIES * high), *dp = take(&at, 4 * QUERIES * high);
    bf16 *weights = take(&at, 2 * QUERIES * wide), *slope = take(&at, 2 * QUERIES * wide), *pairs = take(&at, 2 * QUERIES * wide);
    float *sums = take(&at, 4 * QUERIES * (d + 16));
    struct term by_key = rows_of(s->k, s->key_stride, s->count, s->dim, 0), by_value = rows_of(s->v, s->key_stride, s->count, s->dim, 0);
    struct term along_keys = rows_of(s->k, s->key_stride, s->count, s->dim, 1);
    begin();
    pack(&by_key, 0, n, 0, d, keys);
    pack(&by_value, 0, n, 0, d, values);
    pack(&along_keys, 0, d, 0, n, deep);
    memset(dk, 0, (size_t) (4 * d * high));
    memset(dv, 0, (size_t) (4 * d * high));
    for (long h = 0; h < s->group; h++) {
        for (long row = 0; row < s->count; row += QUERIES) {
            long rows = least(QUERIES, s->count - row), from = first_key(s, row) / 32 * 32, to = filled(row + rows);
            left(s->q + h * s->dim, s->query_stride, s->count, s->dim, row, QUERIES, query, d);
            left(s->dout + h * s->dim, s->query_stride, s->count, s->dim, row, QUERIES, dout, d);
            turned(query, d, d, query_turned, turn);
            turned(dout, d, d, dout_turned, turn);
            scores(query, d, keys, d, QUERIES, from, to, raw, high);
            scores(dout, d, values, d, QUERIES, from, to, dp, high);
            for (long i = 0; i < QUERIES; i++) {
                if (i >= rows) {
                    memset(weights + i * wide + from, 0, (size_t) (2 * (to - from)));
                    memset(slope + i * wide + from, 0, (size_t) (2 * (to - from)));
                    continue;
                }
                const float *g = s->dout + (row + i) * s->query_stride + h * s->dim, *y = s->out + (row + i) * s->query_stride + h * s->dim;
                __m512 dot = _mm512_setzero_ps();
                for (long p = 0; p < s->dim; p += 16) {
                    __mmask16 mask = first(s->dim - p);
                    dot = _mm512_fmadd_ps(_mm512_maskz_loadu_ps(mask, g + p), _mm512_maskz_loadu_ps(mask, y + p), dot);
                }
                slopes(raw + i * high, dp + i * high, first_key(s, row + i), row + i, from, to, (float) s->scale, s->lse[(row + i) * s->heads + h],
                        _mm512_reduce_add_ps(dot), weights + i * wide, slope + i * wide);
            }
            for (long p = 0; p < d; p += PANEL) {
                for (long m = 0; m < rows; m += PANEL) {
                    block(slope + m * wide + from, wide, deep + p * n + 16 * from, 16 * n, to - from, sums + m * (d + 16) + p, d + 16, 0, PANEL);
                }
            }
            for (long i = 0; i < rows; i++) {
                float *out = s->dq + (row + i) * s->query_stride + h * s->dim;
                for (long p = 0; p < s->dim; p += 16) _mm512_mask_storeu_ps(out + p, first(s->dim - p), _mm512_loadu_ps(sums + i * (d + 16) + p));
            }
            paired(slope, wide, from, to, pairs);
            for (long j = from; j < to; j += PANEL) {
                for (long p = 0; p < d; p += PANEL) {
                    block(query_turned + p * turn, turn, pairs + j * QUERIES, 16 * QUERIES, QUERIES, dk + p * high + j, high, 1, PANEL);
                }
            }
            paired(weights, wide, from, to, pairs);
            for (long j = from; j < to; j += PANEL) {
                for (long p = 0; p < d; p += PANEL) {
                    block(dout_turned + p * turn, turn, pairs + j * QUERIES, 16 * QUERIES, QUERIES, dv + p * high + j, high, 1, PANEL);
                }
            }
        }
    }
    end();
    untranspose(dk, high, s->count, s->dim, s->dk, s->key_stride);
    untranspose(dv, high, s->count, s->dim, s->dv, s->key_stride);
}
#endif
