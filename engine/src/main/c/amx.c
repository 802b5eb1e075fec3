// SPDX-License-Identifier: Apache-2.0
//
// x86-64 with AMX int8: tiles of 16 rows of activations by 16 rows of weights, dots of one block at a time; fewer rows than
// MATRIX_ROWS as with AVX-512.
//
// A dot takes 16 cycles, its way through memory to the vector registers 16 more, scaling it 32 to 48: around tile
// instructions 512-bit float arithmetic was measured at half its rate. Tiles of bfloat16, which hold these integers as
// well and spare the conversion, read twice the bytes and were not faster.
#include "avx512.h"
#include "amx.h"

#define TILE 16
#ifndef MATRIX_ROWS
#define MATRIX_ROWS 12
#endif

#include "layout.h"

// PAIR groups by SLAB blocks, unpacked, and the same blocks of a tile of rows stay in the first-level cache; PANEL
// tiles of rows and their sums in the second.
enum { PAIR = 2, SLAB = 16, PANEL = 16 };

typedef struct {
    int8_t quants[PAIR][SLAB][BLOCK / 4][VECTOR];
    float scales[PAIR][2 * SLAB][ROWS];
    float minima[PAIR][SLAB][ROWS];
    // Dots of units, in turn.
    int32_t dots[4][16][ROWS];
    float sums[PAIR][PANEL][16][ROWS];
} __attribute__((aligned(64))) work;

// What is done along k at once: a block, or half of one where a scale covers 16 values.
INLINE int units(int format) {
    return format == Q6_K ? 2 : 1;
}

// Blocks [first, first + count) of a group as signed bytes and floats. `first` is a multiple of 8.
INLINE void unpack(const int format, const uint8_t *group, long blocks, long first, int count, int8_t (*out)[BLOCK / 4][VECTOR],
        float (*scale)[ROWS], float (*minimum)[ROWS]) {
    const uint8_t *next = group + PAIR * group_bytes(format, blocks) + first * group_bytes(format, blocks) / blocks;
    const uint8_t *q = group + first * quant_bytes(format);
    const uint8_t *scales = group + blocks * quant_bytes(format) + first * 32;
    const uint8_t *super = group + blocks * (quant_bytes(format) + 32) + first / 8 * super_bytes(format);
    ivec offset = _mm512_set1_epi8(format == Q4_0 ? 8 : format == Q6_K ? 32 : -128);
    for (int b = 0; b < count; b++, q += quant_bytes(format), scales += 32) {
        next = ask_for(format, next);
        int8_t (*to)[VECTOR] = out[b];
        if (format == Q4_0 || format == Q4_K) {
            UNROLL for (int j = 0; j < 4; j++) {
                ivec v = i_load(q + VECTOR * j), low = i_low(v), high = i_high(v);
                _mm512_store_si512(to[2 * j], format == Q4_0 ? _mm512_sub_epi8(low, offset) : low);
                _mm512_store_si512(to[2 * j + 1], format == Q4_0 ? _mm512_sub_epi8(high, offset) : high);
            }
        }
        if (format == Q8_0) {
            UNROLL for (int j = 0; j < 8; j++) _mm512_store_si512(to[j], _mm512_xor_si512(i_load(q + VECTOR * j), offset));
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
                _mm512_store_si512(to[4 * h], _mm512_sub_epi8(i_six(i_low(n0), c, 0), offset));
                _mm512_store_si512(to[4 * h + 1], _mm512_sub_epi8(i_six(i_high(n0), c, 1), offset));
                _mm512_store_si512(to[4 * h + 2], _mm512_sub_epi8(i_six(i_low(n1), c, 2), offset));
                _mm512_store_si512(to[4 * h + 3], _mm512_sub_epi8(i_six(i_high(n1), c, 3), offset));
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
    TILE_LOAD(b, weights[u / per][u % per * 4], VECTOR); \
    TILE_LOAD(a, rows + u / per * (T * BLOCK) + u % per * 16, BLOCK); \
    TILE_DOT_BYTES(c, a, b); \
    TILE_STORE(c, to, VECTOR)

INLINE void dots(const int format, const int whole, const int odd, const int8_t (*weights)[BLOCK / 4][VECTOR], const int8_t *rows,
        long T, int u, int32_t (*to)[ROWS]) {
    const int per = units(format);
    if (whole && !odd) { UNIT(0, 4, 6); }
    if (whole && odd) { UNIT(1, 4, 7); }
    if (!whole && !odd) { UNIT(2, 5, 6); }
    if (!whole && odd) { UNIT(3, 5, 7); }
}

// f[i] += x[i] * scale * as[i] for 16 rows, of which T count.
INLINE void scaled(const int format, fvec *f, const float *scale, const float *minimum, const int32_t (*x)[ROWS], const float *as, const float *sums) {
    fvec s = _mm512_load_ps(scale);
    UNROLL for (int i = 0; i < 16; i++) f[i] = f_fma(f_of_int(_mm512_load_si512(x[i])), f_mul(s, f_set1(as[i])), f[i]);
    if (format != Q4_K) return;
    fvec m = _mm512_load_ps(minimum);
    UNROLL for (int i = 0; i < 16; i++) f[i] = f_fnma(m, f_set1(sums[i]), f[i]);
}

// A slab of one group with one tile of T rows, from the sums so far to the sums now. While a unit is scaled the next but one
// is computed.
INLINE void pass(const int format, const int whole, work *w, int g, int count, const int8_t *rows, long T, const float *as,
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
        shapes.rows[t] = (uint8_t) (t >= 6 ? 8 / units(format) : whole || !last ? 16 : last);
        shapes.row_bytes[t] = (uint16_t) (t == 4 || t == 5 ? BLOCK / units(format) : VECTOR);
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
                    const int8_t *tile = quants + (row * blocks + first * T) * BLOCK;
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
