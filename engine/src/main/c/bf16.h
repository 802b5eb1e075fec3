// SPDX-License-Identifier: Apache-2.0
//
// Products with bfloat16 inputs and F32 sums, written once over what each instruction set's file defines before it includes
// this one:
//
//   begin(), end()        around every exported function that computes products
//   block(a, lda, b, tile, depth, c, ldc, add, rows)   c (32, 32) = or += a (32, depth) b (depth, 32), whose column tiles are
//                         `tile` elements apart; with rows <= 16 it may skip the other ones
//
// The left operand lies row by row. The right one is packed here, from whatever format it is stored in, in pairs of depth:
// [column / 16][depth / 2][16][2]. Depths are multiples of 32, filled up with zeros.
//
// An F32 factor is rounded to one bfloat16 value, or split into two or three whose sum it is (8 bits each: three hold all 24);
// then the products of the pieces are summed, those below the last bit left out.
#ifndef STOA_BF16_H
#define STOA_BF16_H

#include <immintrin.h>
#include <stdint.h>
#include <string.h>

#define EXPORT __attribute__((visibility("default")))
#define INLINE static inline __attribute__((always_inline))

typedef uint16_t bf16;

// Formats of the right operand; the Java side names them in the same order.
enum { F32, BF16, F16, Q8_0, Q4_0, Q4_K, Q6_K };
enum { PANEL = 32, GROUP = 256, DEPTH = 256, CHUNK = 512, PIECES = 3 };
// Floats between rows of sums: not a power of two, so that rows do not fall into one cache set.
enum { SUMS = GROUP + 16 };

// One term of a sum of products: a (rows, depth) times w or its transpose; w is (outputs, inputs), row after row.
// Forward the columns of the result are the outputs of w and the depth its inputs; back it is the other way round.
struct term {
    const uint8_t *w;
    int64_t row_bytes, outputs, inputs, format, back;
    const bf16 *a; // pieces lie `plane` elements apart; rows are filled up to 32, depth to 32, with zeros
    int64_t lda, plane, a_pieces, w_pieces;
    double scale;  // of w
};

static void block(const bf16 *a, long lda, const bf16 *b, long tile, long depth, float *c, long ldc, int add, int rows);
static void begin(void);
static void end(void);

INLINE long least(long a, long b) {
    return a < b ? a : b;
}

INLINE __mmask16 first(long count) {
    return count >= 16 ? 0xffff : count <= 0 ? 0 : (__mmask16) ((1 << count) - 1);
}

INLINE __m512i rounded(__m512 low, __m512 high) {
    return (__m512i) _mm512_cvtne2ps_pbh(high, low);
}

INLINE __m512 widened(__m256i x) {
    return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(x), 16));
}

INLINE __m512 low_half(__m512i x) {
    return widened(_mm512_castsi512_si256(x));
}

INLINE __m512 high_half(__m512i x) {
    return widened(_mm512_extracti64x4_epi64(x, 1));
}

INLINE __m512 bytes_to_floats(__m128i x) {
    return _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(x));
}

INLINE float half_at(const uint8_t *p) {
    uint16_t bits;
    memcpy(&bits, p, 2);
    return _mm_cvtss_f32(_mm_cvtph_ps(_mm_cvtsi32_si128(bits)));
}

// Scale and minimum j of a block of Q4_K.
INLINE void scale_min(const uint8_t *q, int j, int *scale, int *minimum) {
    if (j < 4) {
        *scale = q[j] & 63;
        *minimum = q[j + 4] & 63;
    } else {
        *scale = (q[j + 4] & 15) | (q[j - 4] >> 6) << 4;
        *minimum = (q[j + 4] >> 4) | (q[j] >> 6) << 4;
    }
}

// Values [k, k + 32) of one row, k a multiple of 32; those from `count` on are 0 (plain formats only: others fill blocks).
INLINE void decode(const int format, const uint8_t *row, long k, long count, __m512 *x, __m512 *y) {
    if (format == F32) {
        const float *p = (const float *) row + k;
        *x = _mm512_maskz_loadu_ps(first(count), p);
        *y = _mm512_maskz_loadu_ps(first(count - 16), p + 16);
    } else if (format == BF16 || format == F16) {
        const uint16_t *p = (const uint16_t *) row + k;
        __m256i a = _mm256_maskz_loadu_epi16(first(count), p), b = _mm256_maskz_loadu_epi16(first(count - 16), p + 16);
        *x = format == BF16 ? widened(a) : _mm512_cvtph_ps(a);
        *y = format == BF16 ? widened(b) : _mm512_cvtph_ps(b);
    } else if (format == Q8_0) {
        const uint8_t *at = row + k / 32 * 34;
        __m512 d = _mm512_set1_ps(half_at(at));
        *x = _mm512_mul_ps(d, bytes_to_floats(_mm_loadu_si128((const __m128i *) (at + 2))));
        *y = _mm512_mul_ps(d, bytes_to_floats(_mm_loadu_si128((const __m128i *) (at + 18))));
    } else if (format == Q4_0) {
        const uint8_t *at = row + k / 32 * 18;
        __m512 d = _mm512_set1_ps(half_at(at));
        __m128i q = _mm_loadu_si128((const __m128i *) (at + 2)), mask = _mm_set1_epi8(15), eight = _mm_set1_epi8(8);
        *x = _mm512_mul_ps(d, bytes_to_floats(_mm_sub_epi8(_mm_and_si128(q, mask), eight)));
        *y = _mm512_mul_ps(d, bytes_to_floats(_mm_sub_epi8(_mm_and_si128(_mm_srli_epi16(q, 4), mask), eight)));
    } else if (format == Q4_K) {
        const uint8_t *at = row + k / 256 * 144;
        int part = (int) (k / 32 % 8), scale, minimum;
        scale_min(at + 4, part, &scale, &minimum);
        __m512 d = _mm512_set1_ps(half_at(at) * (float) scale), m = _mm512_set1_ps(half_at(at + 2) * (float) minimum);
        __m256i q = _mm256_loadu_si256((const __m256i *) (at + 16 + part / 2 * 32)), mask = _mm256_set1_epi8(15);
        q = _mm256_and_si256(part % 2 ? _mm256_srli_epi16(q, 4) : q, mask);
        *x = _mm512_sub_ps(_mm512_mul_ps(d, bytes_to_floats(_mm256_castsi256_si128(q))), m);
        *y = _mm512_sub_ps(_mm512_mul_ps(d, bytes_to_floats(_mm256_extracti128_si256(q, 1))), m);
    } else {
        const uint8_t *at = row + k / 256 * 210;
        int part = (int) (k / 32 % 8), half = part / 4, quarter = part % 4;
        __m256i low = _mm256_loadu_si256((const __m256i *) (at + half * 64 + quarter % 2 * 32));
        __m256i top = _mm256_loadu_si256((const __m256i *) (at + 128 + half * 32));
        low = _mm256_and_si256(quarter / 2 ? _mm256_srli_epi16(low, 4) : low, _mm256_set1_epi8(15));
        top = _mm256_and_si256(_mm256_srl_epi16(top, _mm_cvtsi32_si128(2 * quarter)), _mm256_set1_epi8(3));
        __m256i q = _mm256_sub_epi8(_mm256_or_si256(low, _mm256_slli_epi16(top, 4)), _mm256_set1_epi8(32));
        const int8_t *scales = (const int8_t *) at + 192 + half * 8 + quarter * 2;
        float d = half_at(at + 208);
        *x = _mm512_mul_ps(_mm512_set1_ps(d * (float) scales[0]), bytes_to_floats(_mm256_castsi256_si128(q)));
        *y = _mm512_mul_ps(_mm512_set1_ps(d * (float) scales[1]), bytes_to_floats(_mm256_extracti128_si256(q, 1)));
    }
}

// The pieces of 32 values of one row as bfloat16.
INLINE void decoded(const int format, const struct term *t, long row, long k, int pieces, __m512i out[PIECES]) {
    if (row >= t->outputs) {
        for (int p = 0; p < pieces; p++) out[p] = _mm512_setzero_si512();
        return;
    }
    const uint8_t *at = t->w + row * t->row_bytes;
    long count = t->inputs - k;
    if (format == BF16 && t->scale == 1) {
        __mmask32 mask = count >= 32 ? 0xffffffff : (__mmask32) ((1u << count) - 1);
        out[0] = _mm512_maskz_loadu_epi16(mask, (const uint16_t *) at + k);
        for (int p = 1; p < pieces; p++) out[p] = _mm512_setzero_si512();
        return;
    }
    __m512 x, y;
    decode(format, at, k, count, &x, &y);
    if (t->scale != 1) {
        __m512 s = _mm512_set1_ps((float) t->scale);
        x = _mm512_mul_ps(x, s);
        y = _mm512_mul_ps(y, s);
    }
    for (int p = 0; p < pieces; p++) {
        out[p] = rounded(x, y);
        if (p + 1 == pieces) return;
        x = _mm512_sub_ps(x, low_half(out[p]));
        y = _mm512_sub_ps(y, high_half(out[p]));
    }
}

// Turns 16 rows of 16 pairs (or floats) into 16 columns, `step` bytes apart.
INLINE void transpose_pairs(__m512i r[16], void *to, long step) {
    uint8_t *out = to;
    __m512i t[16];
    for (int i = 0; i < 16; i += 2) {
        t[i] = _mm512_unpacklo_epi32(r[i], r[i + 1]);
        t[i + 1] = _mm512_unpackhi_epi32(r[i], r[i + 1]);
    }
    for (int i = 0; i < 16; i += 4) {
        r[i] = _mm512_unpacklo_epi64(t[i], t[i + 2]);
        r[i + 1] = _mm512_unpackhi_epi64(t[i], t[i + 2]);
        r[i + 2] = _mm512_unpacklo_epi64(t[i + 1], t[i + 3]);
        r[i + 3] = _mm512_unpackhi_epi64(t[i + 1], t[i + 3]);
    }
    for (int i = 0; i < 4; i++) {
        t[i] = _mm512_shuffle_i32x4(r[i], r[i + 4], 0x88);
        t[i + 4] = _mm512_shuffle_i32x4(r[i], r[i + 4], 0xdd);
        t[i + 8] = _mm512_shuffle_i32x4(r[i + 8], r[i + 12], 0x88);
        t[i + 12] = _mm512_shuffle_i32x4(r[i + 8], r[i + 12], 0xdd);
    }
    for (int i = 0; i < 4; i++) {
        _mm512_storeu_si512(out + step * i, _mm512_shuffle_i32x4(t[i], t[i + 8], 0x88));
        _mm512_storeu_si512(out + step * (i + 8), _mm512_shuffle_i32x4(t[i], t[i + 8], 0xdd));
        _mm512_storeu_si512(out + step * (i + 4), _mm512_shuffle_i32x4(t[i + 4], t[i + 12], 0x88));
        _mm512_storeu_si512(out + step * (i + 12), _mm512_shuffle_i32x4(t[i + 4], t[i + 12], 0xdd));
    }
}

// Where a pair of rows finds its first 16 values: one of the first row, one of the second, and so on.
static const uint16_t LOW[32] = {0, 32, 1, 33, 2, 34, 3, 35, 4, 36, 5, 37, 6, 38, 7, 39, 8, 40, 9, 41, 10, 42, 11, 43, 12, 44, 13, 45, 14, 46, 15, 47};

// One piece after the other: columns [column, column + columns) and depth [from, from + depth).
INLINE void pack_format(const int format, const struct term *t, long column, long columns, long from, long depth, bf16 *out) {
    const long piece = GROUP * DEPTH;
    int pieces = (int) t->w_pieces;
    if (!t->back) {
        for (long c = 0; c < columns; c += 16) {
            for (long k = 0; k < depth; k += 32) {
                __m512i all[PIECES][16];
                for (int i = 0; i < 16; i++) {
                    __m512i one[PIECES];
                    decoded(format, t, column + c + i, from + k, pieces, one);
                    for (int p = 0; p < pieces; p++) all[p][i] = one[p];
                }
                for (int p = 0; p < pieces; p++) transpose_pairs(all[p], out + p * piece + c * depth + k * 16, 64);
            }
        }
        return;
    }
    __m512i low = _mm512_loadu_si512(LOW), high = _mm512_add_epi16(low, _mm512_set1_epi16(16));
    for (long k = 0; k < depth; k += 2) {
        for (long c = 0; c < columns; c += 32) {
            __m512i even[PIECES], odd[PIECES];
            decoded(format, t, from + k, column + c, pieces, even);
            decoded(format, t, from + k + 1, column + c, pieces, odd);
            for (int p = 0; p < pieces; p++) {
                bf16 *to = out + p * piece + c * depth + k * 16;
                _mm512_storeu_si512(to, _mm512_permutex2var_epi16(even[p], low, odd[p]));
                _mm512_storeu_si512(to + 16 * depth, _mm512_permutex2var_epi16(even[p], high, odd[p]));
            }
        }
    }
}

static void pack(const struct term *t, long column, long columns, long from, long depth, bf16 *out) {
    switch (t->format) {
        case F32: pack_format(F32, t, column, columns, from, depth, out); break;
        case BF16: pack_format(BF16, t, column, columns, from, depth, out); break;
        case F16: pack_format(F16, t, column, columns, from, depth, out); break;
        case Q8_0: pack_format(Q8_0, t, column, columns, from, depth, out); break;
        case Q4_0: pack_format(Q4_0, t, column, columns, from, depth, out); break;
        case Q4_K: pack_format(Q4_K, t, column, columns, from, depth, out); break;
        default: pack_format(Q6_K, t, column, columns, from, depth, out); break;
    }
}

// sums (rows, columns) = or += a packed block of depth, for every pair of pieces that counts.
static void panels(const struct term *t, const bf16 *packed, long from, long depth, long row, long rows, long columns, float *sums,
        int add) {
    int a_pieces = (int) t->a_pieces, w_pieces = (int) t->w_pieces, most = a_pieces > w_pieces ? a_pieces : w_pieces;
    for (long p = 0; p < columns; p += PANEL) {
        for (long m = 0; m < rows; m += PANEL) {
            int more = add;
            for (int i = 0; i < a_pieces; i++) {
                for (int j = 0; j < w_pieces && i + j < most; j++) {
                    block(t->a + i * t->plane + (row + m) * t->lda + from, t->lda, packed + j * GROUP * DEPTH + p * depth, 16 * depth,
                            depth, sums + m * SUMS + p, SUMS, more, (int) least(PANEL, rows - m));
                    more = 1;
                }
            }
        }
    }
}

// c (rows, columns) = or += sums.
static void finish(const float *sums, long rows, long columns, float *c, long ldc, int add) {
    for (long i = 0; i < rows; i++) {
        for (long p = 0; p < columns; p += 16) {
            __mmask16 mask = first(columns - p);
            __m512 x = _mm512_loadu_ps(sums + i * SUMS + p);
            if (add) x = _mm512_add_ps(_mm512_maskz_loadu_ps(mask, c + i * ldc + p), x);
            _mm512_mask_storeu_ps(c + i * ldc + p, mask, x);
        }
    }
}

// c = or += the sum of the terms: rows [row, last) (row a multiple of 32), panels [from, to) of 32 of its `columns`.
// scratch holds PIECES * GROUP * DEPTH elements of 2 bytes, then CHUNK * SUMS floats.
EXPORT void stoa_bf16_product(const struct term *terms, int count, int row, int last, int from, int to, float *c, int64_t ldc,
        int64_t columns, int add, bf16 *scratch) {
    float *sums = (float *) (scratch + PIECES * GROUP * DEPTH);
    begin();
    for (long column = (long) from * PANEL; column < (long) to * PANEL; column += GROUP) {
        long width = least(GROUP, (long) to * PANEL - column);
        for (long m = row; m < last; m += CHUNK) {
            long rows = least(CHUNK, last - m);
            int more = 0;
            for (int i = 0; i < count; i++) {
                const struct term *t = terms + i;
                long length = t->back ? t->outputs : t->inputs;
                for (long k = 0; k < length; k += DEPTH) {
                    long depth = (least(DEPTH, length - k) + 31) / 32 * 32;
                    pack(t, column, width, k, depth, scratch);
                    panels(t, scratch, k, depth, m, rows, width, sums, more);
                    more = 1;
                }
            }
            finish(sums, rows, least(width, columns - column), c + m * ldc + column, ldc, add);
        }
    }
    end();
}

// out (to - from rows of `lda`, depth filled up to 32) = the pieces of rows [from, to) of x (rows, columns); rows beyond are 0.
EXPORT void stoa_bf16_round(const float *x, int64_t ldx, int rows, int columns, int from, int to, bf16 *out, int64_t lda,
        int64_t plane, int pieces) {
    for (long i = from; i < to; i++) {
        for (long k = 0; k < columns; k += 32) {
            long count = i < rows ? columns - k : 0;
            const float *p = x + (i < rows ? i : 0) * ldx + k;
            __m512 a = _mm512_maskz_loadu_ps(first(count), p), b = _mm512_maskz_loadu_ps(first(count - 16), p + 16);
            for (int piece = 0; piece < pieces; piece++) {
                __m512i r = rounded(a, b);
                _mm512_storeu_si512(out + piece * plane + i * lda + k, r);
                a = _mm512_sub_ps(a, low_half(r));
                b = _mm512_sub_ps(b, high_half(r));
            }
        }
    }
}

// out (columns, rows filled up to 32) = the pieces of scale * x (rows, columns), transposed.
EXPORT void stoa_bf16_round_transposed(const float *x, int64_t ldx, int rows, int columns, float scale, bf16 *out, int64_t lda,
        int64_t plane, int pieces) {
    for (long c = 0; c < (columns + 31) / 32 * 32; c++) {
        for (long i = 0; i < (rows + 31) / 32 * 32; i++) {
            float value = c < columns && i < rows ? scale * x[i * ldx + c] : 0;
            for (int piece = 0; piece < pieces; piece++) {
                __m128bh r = _mm_cvtneps_pbh(_mm_set_ss(value));
                uint32_t bits = (uint32_t) _mm_cvtsi128_si32((__m128i) r) & 0xffff, wide = bits << 16;
                float part;
                memcpy(&part, &wide, 4);
                out[piece * plane + c * lda + i] = (bf16) bits;
                value -= part;
            }
        }
    }
}
#endif
