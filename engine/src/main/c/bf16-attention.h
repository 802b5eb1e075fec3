// SPDX-License-Identifier: Apache-2.0
//
// Causal attention within one sample for training, forward and backward, by bfloat16 products (see bf16.h). Statistics,
// probabilities and their gradients are F32; only factors of products are rounded, or split into pieces. One call does one key head and the query
// heads that read it. Nothing of the size of all scores is kept: backward computes them again from the log-sum-exp.
#ifndef STOA_ATTENTION_H
#define STOA_ATTENTION_H

#include "softmax.h"

enum { QUERIES = 64 };

// One sample: rows of q, out and dout are `query_stride` floats apart, those of k and v `key_stride`; the pointers are those of
// its first row and of the first query head or the key head. lse has a row of `heads` floats.
struct sample {
    const float *q, *k, *v;
    float *out, *lse;
    const float *dout;
    float *dq, *dk, *dv;
    int64_t query_stride, key_stride, heads, group, count, dim, window, pieces;
    double scale;
};

INLINE long filled(long n) {
    return (n + 31) / 32 * 32;
}

// Room for both passes: the key head's packed operands, then one block of queries.
EXPORT int64_t stoa_bf16_attention_room(int64_t count, int64_t dim, int64_t pieces) {
    long n = filled(count), d = filled(dim), wide = n + 32;
    long rounded = 2 * 3 * n * d + 2 * 2 * QUERIES * d + 2 * 2 * d * (QUERIES + 32) + 2 * 3 * QUERIES * wide;
    return pieces * rounded + 4 * 2 * d * (n + 16) + 4 * 2 * QUERIES * (n + 16) + 4 * QUERIES * (d + 16) + 4096;
}

INLINE void *take(uint8_t **at, long bytes) {
    void *taken = *at;
    *at += (bytes + 63) / 64 * 64;
    return taken;
}

INLINE struct term rows_of(const struct sample *s, const float *w, int back) {
    return (struct term) {.w = (const uint8_t *) w, .row_bytes = 4 * s->key_stride, .outputs = s->count, .inputs = s->dim, .format = F32,
            .back = back, .w_pieces = s->pieces, .scale = 1};
}

// An operand whose pieces are `plane` elements apart.
struct pieces {
    bf16 *data;
    long plane;
};

INLINE struct pieces take_pieces(uint8_t **at, long elements, long count) {
    return (struct pieces) {take(at, 2 * elements * count), elements};
}

INLINE void store_pieces(__m512 a, __m512 b, struct pieces out, long at, long count) {
    for (long i = 0; i < count; i++) {
        __m512i r = rounded(a, b);
        _mm512_storeu_si512(out.data + i * out.plane + at, r);
        a = _mm512_sub_ps(a, low_half(r));
        b = _mm512_sub_ps(b, high_half(r));
    }
}

// As block(), for every pair of pieces that counts: from element `at` of a and `from` of b on.
INLINE void blocks(struct pieces a, long at, long lda, struct pieces b, long from, long tile, long depth, float *c, long ldc, int add, long count) {
    for (long j = 0; j < count; j++) {
        block(a.data + at, lda, a.plane, (int) (count - j), b.data + j * b.plane + from, tile, depth, c, ldc, add || j, PANEL);
    }
}

// Rows [from, from + rows) of one head as a left operand, zeros beyond the last.
INLINE void left(const struct sample *s, const float *x, long from, long rows, struct pieces out, long lda) {
    for (long i = 0; i < rows; i++) {
        long valid = from + i < s->count ? s->dim : 0;
        const float *p = x + (valid ? from + i : 0) * s->query_stride;
        for (long d = 0; d < s->dim; d += 32) {
            store_pieces(_mm512_maskz_loadu_ps(first(valid - d), p + d), _mm512_maskz_loadu_ps(first(valid - d - 16), p + d + 16), out, i * lda + d,
                    s->pieces);
        }
    }
}

// The columns of a left operand of QUERIES rows as rows of another.
INLINE void turned(struct pieces from, long lda, long dim, struct pieces to, long ldo, long count) {
    __m512i low = _mm512_loadu_si512(LOW);
    for (long piece = 0; piece < count; piece++) {
        for (long half = 0; half < QUERIES; half += 32) {
            for (long d = 0; d < dim; d += 16) {
                __m512i pairs[16];
                for (int i = 0; i < 16; i++) {
                    const bf16 *p = from.data + piece * from.plane + (half + 2 * i) * lda + d;
                    __m512i even = _mm512_castsi256_si512(_mm256_loadu_si256((const __m256i *) p));
                    __m512i odd = _mm512_castsi256_si512(_mm256_loadu_si256((const __m256i *) (p + lda)));
                    pairs[i] = _mm512_permutex2var_epi16(even, low, odd);
                }
                transpose_pairs(pairs, to.data + piece * to.plane + d * ldo + half, 2 * ldo);
            }
        }
    }
}

// Products of `rows` rows with key panels [from, to): scores (rows, to), columns before `from` untouched.
INLINE void scores(struct pieces a, struct pieces packed, long d, long rows, long from, long to, float *s, long lds, long count) {
    for (long p = from; p < to; p += PANEL) {
        for (long m = 0; m < rows; m += PANEL) blocks(a, m * d, d, packed, p * d, 16 * d, d, s + m * lds + p, lds, 0, count);
    }
}

INLINE long first_key(const struct sample *s, long row) {
    return s->window && row + 1 > s->window ? row + 1 - s->window : 0;
}

// Probabilities, not divided by their sum, of keys [low, row]; zeros in the rest of [from, to). Answers the sum.
INLINE float weigh(const float *s, long low, long row, long from, long to, float scale, struct pieces p, long at, long count, float *lse) {
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
        store_pieces(x, y, p, at + j, count);
    }
    float total = _mm512_reduce_add_ps(sum);
    *lse = max + logf(total);
    return total;
}

// Zeros in columns [from, to) of a row.
INLINE void clear(struct pieces x, long at, long from, long to, long count) {
    for (long i = 0; i < count; i++) memset(x.data + i * x.plane + at + from, 0, (size_t) (2 * (to - from)));
}

EXPORT void stoa_bf16_attend(const struct sample *s, uint8_t *at) {
    long n = filled(s->count), d = filled(s->dim), wide = n + 32, count = s->pieces;
    struct pieces keys = take_pieces(&at, n * d, count), values = take_pieces(&at, n * d, count), query = take_pieces(&at, PANEL * d, count);
    struct pieces weights = take_pieces(&at, PANEL * wide, count);
    float *raw = take(&at, 4 * PANEL * (n + 16)), *sums = take(&at, 4 * PANEL * (d + 16));
    struct term by_key = rows_of(s, s->k, 0), by_value = rows_of(s, s->v, 1);
    begin();
    pack(&by_key, 0, n, 0, d, keys.data, keys.plane);
    pack(&by_value, 0, d, 0, n, values.data, values.plane);
    for (long h = 0; h < s->group; h++) {
        for (long row = 0; row < s->count; row += PANEL) {
            long rows = least(PANEL, s->count - row), from = first_key(s, row) / 32 * 32, to = filled(row + rows);
            float inverse[PANEL];
            left(s, s->q + h * s->dim, row, PANEL, query, d);
            scores(query, keys, d, PANEL, from, to, raw, n + 16, count);
            for (long i = 0; i < PANEL; i++) {
                if (i >= rows) {
                    clear(weights, i * wide, from, to, count);
                    continue;
                }
                inverse[i] = 1 / weigh(raw + i * (n + 16), first_key(s, row + i), row + i, from, to, (float) s->scale, weights, i * wide, count,
                        s->lse + (row + i) * s->heads + h);
            }
            for (long p = 0; p < d; p += PANEL) {
                blocks(weights, from, wide, values, p * n + 16 * from, 16 * n, to - from, sums + p, d + 16, 0, count);
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
INLINE void slopes(const float *s, const float *dp, long low, long row, long from, long to, float scale, float lse, float delta,
        struct pieces p, struct pieces ds, long out, long count) {
    __m512 factor = _mm512_set1_ps(scale), top = _mm512_set1_ps(lse), middle = _mm512_set1_ps(delta);
    for (long j = from; j < to; j += 32) {
        __m512 w[2], g[2];
        for (int half = 0; half < 2; half++) {
            long at = j + 16 * half;
            w[half] = exponential(_mm512_fmsub_ps(_mm512_loadu_ps(s + at), factor, top));
            w[half] = _mm512_maskz_mov_ps(first(row + 1 - at) & ~first(low - at), w[half]);
            g[half] = _mm512_mul_ps(_mm512_mul_ps(_mm512_sub_ps(_mm512_loadu_ps(dp + at), middle), w[half]), factor);
        }
        store_pieces(w[0], w[1], p, out + j, count);
        store_pieces(g[0], g[1], ds, out + j, count);
    }
}

// Rows of a left operand as the right operand of a product over them: columns [from, to), QUERIES deep.
INLINE void paired(struct pieces x, long lda, long from, long to, struct pieces out, long count) {
    __m512i low = _mm512_loadu_si512(LOW), high = _mm512_add_epi16(low, _mm512_set1_epi16(16));
    for (long piece = 0; piece < count; piece++) {
        for (long i = 0; i < QUERIES; i += 2) {
            for (long j = from; j < to; j += 32) {
                const bf16 *p = x.data + piece * x.plane + i * lda + j;
                bf16 *q = out.data + piece * out.plane + j * QUERIES + 16 * i;
                __m512i even = _mm512_loadu_si512(p), odd = _mm512_loadu_si512(p + lda);
                _mm512_storeu_si512(q, _mm512_permutex2var_epi16(even, low, odd));
                _mm512_storeu_si512(q + 16 * QUERIES, _mm512_permutex2var_epi16(even, high, odd));
            }
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
    long n = filled(s->count), d = filled(s->dim), wide = n + 32, high = n + 16, turn = QUERIES + 32, count = s->pieces;
    struct pieces keys = take_pieces(&at, n * d, count), values = take_pieces(&at, n * d, count), deep = take_pieces(&at, n * d, count);
    float *dk = take(&at, 4 * d * high), *dv = take(&at, 4 * d * high);
    struct pieces query = take_pieces(&at, QUERIES * d, count), dout = take_pieces(&at, QUERIES * d, count);
    struct pieces query_turned = take_pieces(&at, d * turn, count), dout_turned = take_pieces(&at, d * turn, count);
    float *raw = take(&at, 4 * QUERIES * high), *dp = take(&at, 4 * QUERIES * high);
    struct pieces weights = take_pieces(&at, QUERIES * wide, count), slope = take_pieces(&at, QUERIES * wide, count);
    struct pieces pairs = take_pieces(&at, QUERIES * wide, count);
    float *sums = take(&at, 4 * QUERIES * (d + 16));
    struct term by_key = rows_of(s, s->k, 0), by_value = rows_of(s, s->v, 0), along_keys = rows_of(s, s->k, 1);
    begin();
    pack(&by_key, 0, n, 0, d, keys.data, keys.plane);
    pack(&by_value, 0, n, 0, d, values.data, values.plane);
    pack(&along_keys, 0, d, 0, n, deep.data, deep.plane);
    memset(dk, 0, (size_t) (4 * d * high));
    memset(dv, 0, (size_t) (4 * d * high));
    for (long h = 0; h < s->group; h++) {
        for (long row = 0; row < s->count; row += QUERIES) {
            long rows = least(QUERIES, s->count - row), from = first_key(s, row) / 32 * 32, to = filled(row + rows);
            left(s, s->q + h * s->dim, row, QUERIES, query, d);
            left(s, s->dout + h * s->dim, row, QUERIES, dout, d);
            turned(query, d, d, query_turned, turn, count);
            turned(dout, d, d, dout_turned, turn, count);
            scores(query, keys, d, QUERIES, from, to, raw, high, count);
            scores(dout, values, d, QUERIES, from, to, dp, high, count);
            for (long i = 0; i < QUERIES; i++) {
                if (i >= rows) {
                    clear(weights, i * wide, from, to, count);
                    clear(slope, i * wide, from, to, count);
                    continue;
                }
                const float *g = s->dout + (row + i) * s->query_stride + h * s->dim, *y = s->out + (row + i) * s->query_stride + h * s->dim;
                __m512 dot = _mm512_setzero_ps();
                for (long p = 0; p < s->dim; p += 16) {
                    __mmask16 mask = first(s->dim - p);
                    dot = _mm512_fmadd_ps(_mm512_maskz_loadu_ps(mask, g + p), _mm512_maskz_loadu_ps(mask, y + p), dot);
                }
                slopes(raw + i * high, dp + i * high, first_key(s, row + i), row + i, from, to, (float) s->scale, s->lse[(row + i) * s->heads + h],
                        _mm512_reduce_add_ps(dot), weights, slope, i * wide, count);
            }
            for (long p = 0; p < d; p += PANEL) {
                for (long m = 0; m < rows; m += PANEL) {
                    blocks(slope, m * wide + from, wide, deep, p * n + 16 * from, 16 * n, to - from, sums + m * (d + 16) + p, d + 16, 0, count);
                }
            }
            for (long i = 0; i < rows; i++) {
                float *out = s->dq + (row + i) * s->query_stride + h * s->dim;
                for (long p = 0; p < s->dim; p += 16) _mm512_mask_storeu_ps(out + p, first(s->dim - p), _mm512_loadu_ps(sums + i * (d + 16) + p));
            }
            paired(slope, wide, from, to, pairs, count);
            for (long j = from; j < to; j += PANEL) {
                for (long p = 0; p < d; p += PANEL) {
                    blocks(query_turned, p * turn, turn, pairs, j * QUERIES, 16 * QUERIES, QUERIES, dk + p * high + j, high, 1, count);
                }
            }
            paired(weights, wide, from, to, pairs, count);
            for (long j = from; j < to; j += PANEL) {
                for (long p = 0; p < d; p += PANEL) {
                    blocks(dout_turned, p * turn, turn, pairs, j * QUERIES, 16 * QUERIES, QUERIES, dv + p * high + j, high, 1, count);
                }
            }
        }
    }
    end();
    untranspose(dk, high, s->count, s->dim, s->dk, s->key_stride);
    untranspose(dv, high, s->count, s->dim, s->dv, s->key_stride);
}
#endif
