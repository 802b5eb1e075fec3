// SPDX-License-Identifier: Apache-2.0
//
// x86-64 with AMX bf16: tiles of 16 rows of activations by 16 rows of weights; fewer rows than MATRIX_ROWS as with AVX-512.
//
// The tiles are of bfloat16 and still exact: quants of at most 8 bits are integers with 8 significant bits, and the dot of
// a block is below 2^20, where floats hold every integer in any order of adding. Integer tiles would do, too, but read half a
// register per block (32 bytes of k), take as long for it, and leave integers to be converted: while AMX runs, the second
// 512-bit floating-point unit rests, and scaling the dots is what takes the time.
#include "avx512.h"
#include "amx.h"

#define TILE 16
#ifndef MATRIX_ROWS
#define MATRIX_ROWS 12
#endif

#include "layout.h"

// PAIR groups by SLAB blocks, unpacked, and the same blocks of a tile of rows stay in the first-level cache; PANEL
// tiles of rows and their sums in the second.
enum { PAIR = 2, SLAB = 8, PANEL = 16 };

typedef struct {
    uint16_t quants[PAIR][SLAB][BLOCK / 2][VECTOR / 2];
    float scales[PAIR][2 * SLAB][ROWS];
    float minima[PAIR][SLAB][ROWS];
    // Dots of units, in turn.
    float dots[4][16][ROWS];
    float sums[PAIR][PANEL][16][ROWS];
} __attribute__((aligned(64))) work;

// What is done along k at once: a block, or half of one where a scale covers 16 values.
INLINE int units(int format) {
    return format == Q6_K ? 2 : 1;
}

// 16 rows by k, k + 1, k + 2, k + 3 as bytes to (k, k + 2) and (k + 1, k + 3) as bfloat16: 2^23 + byte is a float, and so
// is what stays when 2^23 and the offset go.
INLINE void bytes_to_pairs(ivec v, uint16_t *even, uint16_t *odd) {
    ivec magic = _mm512_set1_epi32(0x4b000000), byte = _mm512_set1_epi32(255);
    fvec offset = f_set1(8388608 + 128);
    ivec part[4];
    UNROLL for (int i = 0; i < 4; i++) {
        ivec bits = _mm512_or_si512(_mm512_and_si512(_mm512_srli_epi32(v, (unsigned) (8 * i)), byte), magic);
        part[i] = _mm512_castps_si512(_mm512_sub_ps(_mm512_castsi512_ps(bits), offset));
    }
    ivec high = _mm512_set1_epi32((int) 0xffff0000);
    _mm512_store_si512(even, _mm512_or_si512(_mm512_srli_epi32(part[0], 16), _mm512_and_si512(part[2], high)));
    _mm512_store_si512(odd, _mm512_or_si512(_mm512_srli_epi32(part[1], 16), _mm512_and_si512(part[3], high)));
}

// 32 quants of an activation as bfloat16, in the order of unpack.
INLINE void spread(const int8_t *q, int8_t *to) {
    uint64_t eight = 0x0705030106040200;
    __m256i order = _mm256_set1_epi64x((long long) eight);
    __m256i bytes = _mm256_shuffle_epi8(_mm256_loadu_si256((const void *) q), _mm256_add_epi8(order, _mm256_set_epi64x(0x0808080808080808, 0, 0x0808080808080808, 0)));
    __m512 low = _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(_mm256_castsi256_si128(bytes)));
    __m512 high = _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(_mm256_extracti128_si256(bytes, 1)));
    __m256i first = _mm512_cvtepi32_epi16(_mm512_srli_epi32(_mm512_castps_si512(low), 16));
    __m256i last = _mm512_cvtepi32_epi16(_mm512_srli_epi32(_mm512_castps_si512(high), 16));
    _mm256_storeu_si256((void *) to, first);
    _mm256_storeu_si256((void *) (to + 32), last);
}

// bfloat16 of first, first + 1, ... : tables for nibbles (twice 16 entries) and six bits (64).
INLINE ivec table(int first, int from, int repeat) {
    uint16_t entries[32] __attribute__((aligned(64)));
    for (int i = 0; i < 32; i++) {
        float value = (float) (first + from + i % repeat);
        uint32_t bits;
        memcpy(&bits, &value, 4);
        entries[i] = (uint16_t) (bits >> 16);
    }
    return _mm512_load_si512(entries);
}

// Blocks [first, first + count) of a group. Rows of pairs hold k = 0 2, 4 6, 1 3, 5 7 of every eight, as spread
// orders activations. `first` is a multiple of 8.
INLINE void unpack(const int format, const uint8_t *group, long blocks, long first, int count, uint16_t (*out)[BLOCK / 2][VECTOR / 2],
        float (*scale)[ROWS], float (*minimum)[ROWS]) {
    const uint8_t *next = group + PAIR * group_bytes(format, blocks) + first * group_bytes(format, blocks) / blocks;
    const uint8_t *q = group + first * quant_bytes(format);
    const uint8_t *scales = group + blocks * quant_bytes(format) + first * 32;
    const uint8_t *super = group + blocks * (quant_bytes(format) + 32) + first / 8 * super_bytes(format);
    ivec nibbles = table(format == Q4_0 ? -8 : 0, 0, 16), low = table(-32, 0, 32), high = table(-32, 32, 32);
    for (int b = 0; b < count; b++, q += quant_bytes(format), scales += 32) {
        next = ask_for(format, next);
        uint16_t (*to)[VECTOR / 2] = out[b];
        if (format == Q4_0 || format == Q4_K) {
            // Bits above a nibble are those of the next: the table is there twice, and higher ones do not count.
            UNROLL for (int j = 0; j < 4; j++) {
                ivec v = i_load(q + VECTOR * j);
                UNROLL for (int n = 0; n < 4; n++) {
                    _mm512_store_si512(to[4 * j + n], _mm512_permutexvar_epi16(_mm512_srli_epi16(v, (unsigned) (4 * n)), nibbles));
                }
            }
        }
        if (format == Q8_0) {
            UNROLL for (int j = 0; j < 8; j++) bytes_to_pairs(i_load(q + VECTOR * j), to[j / 2 * 4 + j % 2], to[j / 2 * 4 + j % 2 + 2]);
        }
        if (format == Q4_0 || format == Q8_0) _mm512_store_ps(scale[b], f_half(scales));
        if (format == Q4_K) {
            _mm512_store_ps(scale[b], f_mul(f_half(super), f_bytes(scales)));
            _mm512_store_ps(minimum[b], f_mul(f_half(super + 32), f_bytes(scales + 16)));
        }
        if (format == Q6_K) {
            UNROLL for (int h = 0; h < 2; h++) {
                const uint8_t *at = q + 3 * VECTOR * h;
                ivec n0 = i_load(at), n1 = i_load(at + VECTOR), c = i_load(at + 2 * VECTOR);
                ivec w[4] = {i_six(i_low(n0), c, 0), i_six(i_high(n0), c, 1), i_six(i_low(n1), c, 2), i_six(i_high(n1), c, 3)};
                UNROLL for (int j = 0; j < 4; j++) {
                    uint16_t (*at)[VECTOR / 2] = to + 8 * h + j / 2 * 4 + j % 2;
                    _mm512_store_si512(at[0], _mm512_permutex2var_epi16(low, w[j], high));
                    _mm512_store_si512(at[2], _mm512_permutex2var_epi16(low, _mm512_srli_epi16(w[j], 8), high));
                }
                _mm512_store_ps(scale[2 * b + h], f_mul(f_half(super), f_signed(scales + 16 * h)));
            }
        }
        if (b % 8 == 7) super += super_bytes(format);
    }
}

// Dots of unit u with T rows. Registers: 0, 1 dots of whole tiles, 2, 3 of the last one; 4, 5 rows; 6, 7 weights; odd units
// have the odd ones, so that neither waits for the other.
#define UNIT(c, a, b) \
    TILE_ZERO(c); \
    TILE_LOAD(b, weights[u / per][u % per * 8], VECTOR); \
    TILE_LOAD(a, rows + u / per * (T * VECTOR) + u % per * 32, VECTOR); \
    TILE_DOT_BF16(c, a, b); \
    TILE_STORE(c, to, VECTOR)

INLINE void dots(const int format, const int whole, const int odd, const uint16_t (*weights)[BLOCK / 2][VECTOR / 2], const uint8_t *rows,
        long T, int u, float (*to)[ROWS]) {
    const int per = units(format);
    if (whole && !odd) { UNIT(0, 4, 6); }
    if (whole && odd) { UNIT(1, 4, 7); }
    if (!whole && !odd) { UNIT(2, 5, 6); }
    if (!whole && odd) { UNIT(3, 5, 7); }
}

// f[i] += x[i] * scale * as[i] for 16 rows, of which T count.
INLINE void scaled(const int format, fvec *f, const float *scale, const float *minimum, const float (*x)[ROWS], const float *as, const float *sums) {
    fvec s = _mm512_load_ps(scale);
    UNROLL for (int i = 0; i < 16; i++) f[i] = f_fma(_mm512_load_ps(x[i]), f_mul(s, f_set1(as[i])), f[i]);
    if (format != Q4_K) return;
    fvec m = _mm512_load_ps(minimum);
    UNROLL for (int i = 0; i < 16; i++) f[i] = f_fnma(m, f_set1(sums[i]), f[i]);
}

// A slab of one group with one tile of T rows, from the sums so far to the sums now. While a unit is scaled the next but one
// is computed.
INLINE void pass(const int format, const int whole, work *w, int g, int count, const uint8_t *rows, long T, const float *as,
        const float *sums, float (*at)[ROWS]) {
    const int per = units(format), all = count * per;
    fvec f[16];
    UNROLL for (int i = 0; i < 16; i++) f[i] = _mm512_load_ps(at[i]);
    dots(format, whole, 0, w->quants[g], rows, T, 0, w->dots[0]);
    if (all > 1) dots(format, whole, 1, w->quants[g], rows, T, 1, w->dots[1]);
    for (int u = 0; u < all; u++) {
        if (u + 2 < all && u % 2 == 0) dots(format, whole, 0, w->quants[g], rows, T, u + 2, w->dots[(u + 2) % 4]);
        if (u + 2 < all && u % 2 == 1) dots(format, whole, 1, w->quants[g], rows, T, u + 2, w->dots[(u + 2) % 4]);
        scaled(format, f, w->scales[g][u], w->minima[g][u], w->dots[u % 4], as + u / per * T, sums + u / per * T);
    }
    UNROLL for (int i = 0; i < 16; i++) _mm512_store_ps(at[i], f[i]);
}

static void configure(int format, int last) {
    tile_shapes shapes = {.palette = 1};
    for (int t = 0; t < 8; t++) {
        int whole = t == 0 || t == 1 || t == 4;
        shapes.rows[t] = (uint8_t) (t >= 6 ? 16 / units(format) : whole || !last ? 16 : last);
        shapes.row_bytes[t] = (uint16_t) (t == 4 || t == 5 ? VECTOR / units(format) : VECTOR);
    }
    TILES_CONFIGURE(shapes);
}

// y (= or +=) the sums of T rows, as many columns of them as there are.
INLINE void finish(const float (*sums)[ROWS], int T, float *y, long ldy, int columns, int accumulate) {
    __mmask16 wanted = (__mmask16) (columns >= ROWS ? 0xffff : (1 << columns) - 1);
    for (int i = 0; i < T; i++, y += ldy) {
        fvec f = _mm512_load_ps(sums[i]);
        _mm512_mask_storeu_ps(y, wanted, accumulate ? f_add(_mm512_maskz_loadu_ps(wanted, y), f) : f);
    }
}

// Groups [from, to) with the rows that fill matrix registers; answers how many those are.
INLINE int matrix_groups(const int format, const uint8_t *weights, long blocks, int from, int to, int rows, const int8_t *quants,
        const float *scales, const int32_t *aux, float *y, long ldy, int columns, int accumulate) {
    int last = rows % 16 >= MATRIX_ROWS ? rows % 16 : 0;
    int done = rows / 16 * 16 + last;
    if (done == 0) return 0;
    configure(format, last);
    work w;
    for (int panel = 0; panel < done; panel += 16 * PANEL) {
        int end = done - panel < 16 * PANEL ? done : panel + 16 * PANEL;
        for (int g = from; g < to; g += PAIR) {
            int pair = to - g < PAIR ? to - g : PAIR;
            memset(w.sums, 0, sizeof w.sums);
            for (long first = 0; first < blocks; first += SLAB) {
                int count = blocks - first < SLAB ? (int) (blocks - first) : SLAB;
                for (int p = 0; p < pair; p++) {
                    unpack(format, weights + (g + p) * group_bytes(format, blocks), blocks, first, count, w.quants[p], w.scales[p], w.minima[p]);
                }
                for (int row = panel; row < end; row += 16) {
                    long T = end - row < 16 ? end - row : 16;
                    float *out = y + row * ldy + g * ROWS;
                    if (first + SLAB >= blocks) for (int i = 0; i < T; i++) __builtin_prefetch(out + i * ldy, 1, 3);
                    const uint8_t *tile = (const uint8_t *) quants + (row * blocks + first * T) * QUANT_BYTES;
                    const float *as = scales + row * blocks + first * T;
                    const float *sums = (const float *) aux + row * blocks + first * T;
                    for (int p = 0; p < pair; p++) {
                        float (*at)[ROWS] = w.sums[p][(row - panel) / 16];
                        if (T == 16) pass(format, 1, &w, p, count, tile, T, as, sums, at);
                        else pass(format, 0, &w, p, count, tile, T, as, sums, at);
                        if (first + SLAB >= blocks) finish(at, (int) T, out + p * ROWS, ldy, columns - (g + p) * ROWS, accumulate);
                    }
                }
            }
        }
    }
    TILES_RELEASE();
    return done;
}

#include "products.h"
