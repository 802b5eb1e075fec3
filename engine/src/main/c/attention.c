// SPDX-License-Identifier: Apache-2.0
//
// Softmax attention of many query columns (a row and a head each) over the keys and values that they share, by AMX tiles.
//
// Numbers are float to the outside. Inside, each is the sum of two bfloat16 (16 bits of mantissa), and a product is hi*hi +
// lo*hi + hi*lo, added in that order, tile after tile along the depth: channels of a key in steps of 32, slots in blocks of
// 32 that begin at multiples of 32. Weights are exp(score - largest score); their total is 16 sums (slot mod 16), then their
// tree. So the bits of a column depend only on what it sees: a block it does not see adds nothing.
//
// Tiles of packed operands are 16 rows of 64 bytes, one after the other:
//   keys     [slot / 16][channel / 32]  16 slots of 32 channels, all hi, then all lo
//   values   [slot / 32][channel / 16]  16 channels of 32 slots, all hi, then all lo
//   queries  [column / 16][channel / 32] 16 pairs of channels of 16 columns, hi; the same, lo
//   scores   [slot / 16][column / 16]   16 slots of 16 columns as floats; as weights the tiles of slots 32 b and 32 b + 16 become
//            16 pairs of slots of 16 columns, hi and lo
//   sums     [channel / 16][column / 16] 16 channels of 16 columns as floats
#include <immintrin.h>
#include <string.h>

#include "amx.h"

#define EXPORT __attribute__((visibility("default")))
#define INLINE static inline __attribute__((always_inline))

enum { SIDE = 16, BLOCK = 32, TILE_BYTES = 1024, MOST_COLUMNS = 128, CHUNK = 256 };

typedef __m512i words;

// Two vectors of 16 floats as 32 bfloat16, nearest even.
INLINE words narrow(__m512 low, __m512 high) {
    return (words) _mm512_cvtne2ps_pbh(high, low);
}

// What 32 bfloat16 leave of the floats they came from, as bfloat16 again.
INLINE words rest(__m512 low, __m512 high, words hi) {
    __m512 a = _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(_mm512_castsi512_si256(hi)), 16));
    __m512 b = _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(_mm512_extracti64x4_epi64(hi, 1)), 16));
    return narrow(_mm512_sub_ps(low, a), _mm512_sub_ps(high, b));
}

// [16 of low | 16 of high] to pairs (low, high).
INLINE words interleave(words v) {
    const words order = _mm512_set_epi16(31, 15, 30, 14, 29, 13, 28, 12, 27, 11, 26, 10, 25, 9, 24, 8, 23, 7, 22, 6, 21, 5, 20, 4,
            19, 3, 18, 2, 17, 1, 16, 0);
    return _mm512_permutexvar_epi16(order, v);
}

// Rows become columns.
INLINE void transpose(words r[SIDE]) {
    words t[SIDE];
    for (int i = 0; i < SIDE; i += 2) {
        t[i] = _mm512_unpacklo_epi32(r[i], r[i + 1]);
        t[i + 1] = _mm512_unpackhi_epi32(r[i], r[i + 1]);
    }
    for (int i = 0; i < SIDE; i += 4) {
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
        r[i] = _mm512_shuffle_i32x4(t[i], t[i + 8], 0x88);
        r[i + 8] = _mm512_shuffle_i32x4(t[i], t[i + 8], 0xdd);
        r[i + 4] = _mm512_shuffle_i32x4(t[i + 4], t[i + 12], 0x88);
        r[i + 12] = _mm512_shuffle_i32x4(t[i + 4], t[i + 12], 0xdd);
    }
}

// e^x for x <= 0: x = n ln 2 + r, a polynomial in r (Cephes expf), the exponent added. No number stays none.
INLINE __m512 exponential(__m512 x) {
    x = _mm512_max_ps(_mm512_set1_ps(-104), x); // the second operand when one is no number
    __m512 n = _mm512_roundscale_ps(_mm512_mul_ps(x, _mm512_set1_ps(1.442695041f)), _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
    __m512 r = _mm512_fnmadd_ps(n, _mm512_set1_ps(0.693359375f), x);
    r = _mm512_fnmadd_ps(n, _mm512_set1_ps(-2.12194440e-4f), r);
    __m512 p = _mm512_set1_ps(1.9875691500e-4f);
    p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(1.3981999507e-3f));
    p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(8.3334519073e-3f));
    p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(4.1665795894e-2f));
    p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(1.6666665459e-1f));
    p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(5.0000001201e-1f));
    p = _mm512_add_ps(_mm512_fmadd_ps(p, _mm512_mul_ps(r, r), r), _mm512_set1_ps(1));
    return _mm512_scalef_ps(p, n);
}

// 16 channels of one slot; a slot outside [from, to) and a channel past the last are 0.
INLINE __m512 channels(const float *slots, long slot, long from, long to, long channel, long dim) {
    long left = slot < from || slot >= to ? 0 : dim - channel;
    __mmask16 mask = left >= SIDE ? 0xffff : left <= 0 ? 0 : (__mmask16) ((1 << left) - 1);
    return _mm512_maskz_loadu_ps(mask, slots + slot * dim + channel);
}

INLINE long steps_of(long dim) {
    return (dim + BLOCK - 1) / BLOCK;
}

// Slots that keys are fetched ahead of their use; values a block ahead, since a tile takes one line of each of its slots.
enum { AHEAD = 16 };

INLINE void fetch(const float *at) {
    _mm_prefetch((const char *) at, _MM_HINT_T0);
}

INLINE void pack_keys(const float *keys, long dim, long steps, long slot, long from, long to, const int whole, uint8_t *row, long half) {
    for (long s = 0; s < steps; s++, row += TILE_BYTES) {
        const float *at = keys + slot * dim + BLOCK * s;
        fetch(at + AHEAD * dim);
        fetch(at + AHEAD * dim + SIDE);
        __m512 low = whole ? _mm512_loadu_ps(at) : channels(keys, slot, from, to, BLOCK * s, dim);
        __m512 high = whole ? _mm512_loadu_ps(at + SIDE) : channels(keys, slot, from, to, BLOCK * s + SIDE, dim);
        words hi = narrow(low, high);
        _mm512_storeu_si512(row, hi);
        _mm512_storeu_si512(row + half, rest(low, high, hi));
    }
}

// Keys of slots [from, to), from a multiple of 32 below to one above, to tiles; `half` bytes lie between hi and lo.
EXPORT void stoa_attention_keys(const float *keys, long dim, long from, long to, uint8_t *out, long half) {
    long steps = steps_of(dim), first = from / BLOCK * BLOCK, end = (to + BLOCK - 1) / BLOCK * BLOCK;
    for (long slot = first; slot < end; slot++) {
        uint8_t *row = out + (slot - first) / SIDE * steps * TILE_BYTES + slot % SIDE * 64;
        if (dim % BLOCK == 0 && slot >= from && slot < to) pack_keys(keys, dim, steps, slot, from, to, 1, row, half);
        else pack_keys(keys, dim, steps, slot, from, to, 0, row, half);
    }
}

// 16 channels of 32 slots; answers where a value outside [calm, calmEnd) is no finite number.
INLINE __mmask16 pack_values(const float *values, long dim, long channel, long block, long from, long to, long calm, long calmEnd, const int whole,
        uint8_t *tile, long half) {
    __mmask16 wild = 0;
    words hi[SIDE], lo[SIDE];
    for (int i = 0; i < SIDE; i++) {
        long slot = block + 2 * i;
        const float *at = values + slot * dim + channel;
        fetch(at + BLOCK * dim);
        fetch(at + BLOCK * dim + dim);
        __m512 low = whole ? _mm512_loadu_ps(at) : channels(values, slot, from, to, channel, dim);
        __m512 high = whole ? _mm512_loadu_ps(at + dim) : channels(values, slot + 1, from, to, channel, dim);
        if (!whole && (slot < calm || slot >= calmEnd)) wild |= _mm512_fpclass_ps_mask(low, 0x99);
        if (!whole && (slot + 1 < calm || slot + 1 >= calmEnd)) wild |= _mm512_fpclass_ps_mask(high, 0x99);
        words both = narrow(low, high);
        hi[i] = interleave(both);
        lo[i] = interleave(rest(low, high, both));
    }
    transpose(hi);
    transpose(lo);
    for (int i = 0; i < SIDE; i++) {
        _mm512_storeu_si512(tile + 64 * i, hi[i]);
        _mm512_storeu_si512(tile + half + 64 * i, lo[i]);
    }
    return wild;
}

// The same of values. Answers whether a value in [from, calm) or [calmEnd, to) is no finite number.
EXPORT int stoa_attention_values(const float *values, long dim, long from, long to, long calm, long calmEnd, uint8_t *out, long half) {
    long parts = 2 * steps_of(dim), first = from / BLOCK * BLOCK, end = (to + BLOCK - 1) / BLOCK * BLOCK;
    __mmask16 wild = 0;
    for (long block = first; block < end; block += BLOCK, out += parts * TILE_BYTES) {
        int whole = dim % BLOCK == 0 && block >= from && block + BLOCK <= to && block >= calm && block + BLOCK <= calmEnd;
        for (long part = 0; part < parts; part++) {
            uint8_t *tile = out + part * TILE_BYTES;
            if (whole) pack_values(values, dim, SIDE * part, block, from, to, calm, calmEnd, 1, tile, half);
            else wild |= pack_values(values, dim, SIDE * part, block, from, to, calm, calmEnd, 0, tile, half);
        }
    }
    return wild != 0;
}

// A block of columns: where its packed operands are, and how many there are.
typedef struct {
    long dim, steps, count, tiles;
    uint8_t *queries, *sums, *scores;
} task;

static void pack_queries(const task *t, const float *q, const int64_t *at, float scale) {
    __m512 factor = _mm512_set1_ps(scale);
    long steps = t->steps;
    for (long ct = 0; ct < t->tiles; ct++) {
        for (long s = 0; s < steps; s++) {
            words hi[SIDE], lo[SIDE];
            for (int c = 0; c < SIDE; c++) {
                long column = ct * SIDE + c;
                const float *from = column < t->count ? q + at[column] : q;
                long known = column < t->count;
                __m512 low = _mm512_mul_ps(channels(from, 0, 0, known, BLOCK * s, t->dim), factor);
                __m512 high = _mm512_mul_ps(channels(from, 0, 0, known, BLOCK * s + SIDE, t->dim), factor);
                hi[c] = narrow(low, high);
                lo[c] = rest(low, high, hi[c]);
            }
            transpose(hi);
            transpose(lo);
            uint8_t *tile = t->queries + 2 * (ct * steps + s) * TILE_BYTES;
            for (int i = 0; i < SIDE; i++) {
                _mm512_storeu_si512(tile + 64 * i, hi[i]);
                _mm512_storeu_si512(tile + TILE_BYTES + 64 * i, lo[i]);
            }
        }
    }
}

// Registers 0 to 3 += (left, lower) x (top, right) for operands in 4, 5 and 6, 7.
#define FOUR() \
    TILE_DOT_BF16(0, 4, 6); TILE_DOT_BF16(1, 4, 7); TILE_DOT_BF16(2, 5, 6); TILE_DOT_BF16(3, 5, 7)
#define TWO() \
    TILE_DOT_BF16(0, 4, 6); TILE_DOT_BF16(2, 5, 6)

// hi*hi + lo*hi + hi*lo of two tiles a, b (hi, lo `half` apart) and two tiles x, y (lo `next` after hi); without y when `one`.
#define THREE(a, b, half, x, y, next, one) \
    TILE_LOAD(4, a, 64); TILE_LOAD(5, b, 64); TILE_LOAD(6, x, 64); \
    if (one) { \
        TWO(); \
        TILE_LOAD(4, (a) + (half), 64); TILE_LOAD(5, (b) + (half), 64); \
        TWO(); \
        TILE_LOAD(4, a, 64); TILE_LOAD(5, b, 64); TILE_LOAD(6, (x) + (next), 64); \
        TWO(); \
    } else { \
        TILE_LOAD(7, y, 64); \
        FOUR(); \
        TILE_LOAD(4, (a) + (half), 64); TILE_LOAD(5, (b) + (half), 64); \
        FOUR(); \
        TILE_LOAD(4, a, 64); TILE_LOAD(5, b, 64); TILE_LOAD(6, (x) + (next), 64); TILE_LOAD(7, (y) + (next), 64); \
        FOUR(); \
    }

// Scores of `count` tiles of slots, an even number.
static void score(const task *t, const uint8_t *keys, long half, long count, uint8_t *scores) {
    long steps = t->steps;
    for (long st = 0; st < count; st += 2) {
        for (long ct = 0; ct < t->tiles; ct += 2) {
            int one = ct + 1 == t->tiles;
            TILE_ZERO(0); TILE_ZERO(1); TILE_ZERO(2); TILE_ZERO(3);
            for (long s = 0; s < steps; s++) {
                const uint8_t *a = keys + (st * steps + s) * TILE_BYTES, *b = a + steps * TILE_BYTES;
                const uint8_t *x = t->queries + 2 * (ct * steps + s) * TILE_BYTES, *y = x + 2 * steps * TILE_BYTES;
                THREE(a, b, half, x, y, TILE_BYTES, one)
            }
            uint8_t *to = scores + (st * t->tiles + ct) * TILE_BYTES;
            TILE_STORE(0, to, 64);
            TILE_STORE(2, to + t->tiles * TILE_BYTES, 64);
            if (one) continue;
            TILE_STORE(1, to + TILE_BYTES, 64);
            TILE_STORE(3, to + (t->tiles + 1) * TILE_BYTES, 64);
        }
    }
}

INLINE __mmask16 seen(long slot, __m512i first, __m512i length) {
    __m512i at = _mm512_set1_epi32((int) slot);
    return _mm512_cmple_epi32_mask(first, at) & _mm512_cmpgt_epi32_mask(length, at);
}

// Scores of 16 columns become weights; answers their totals. Every column sees [calm, calmEnd).
INLINE __m512 softmax(uint8_t *scores, long stride, long from, long to, long calm, long calmEnd, __m512i first, __m512i length) {
    __m512 max = _mm512_set1_ps(-__builtin_inff());
    for (long slot = from; slot < to; slot += SIDE) {
        const float *tile = (const float *) (scores + (slot - from) / SIDE * stride);
        if (slot >= calm && slot + SIDE <= calmEnd) {
            for (int i = 0; i < SIDE; i++) max = _mm512_max_ps(_mm512_loadu_ps(tile + SIDE * i), max);
        } else {
            for (int i = 0; i < SIDE; i++) max = _mm512_mask_max_ps(max, seen(slot + i, first, length), _mm512_loadu_ps(tile + SIDE * i), max);
        }
    }
    __m512 sums[SIDE];
    for (int i = 0; i < SIDE; i++) sums[i] = _mm512_setzero_ps();
    for (long slot = from; slot < to; slot += BLOCK) {
        uint8_t *low = scores + (slot - from) / SIDE * stride, *high = low + stride;
        words lo[SIDE];
        int calmBlock = slot >= calm && slot + BLOCK <= calmEnd;
        for (int half = 0; half < 2; half++) {
            const float *tile = (const float *) (half ? high : low);
            for (int i = 0; i < SIDE; i += 2) {
                __m512 a = exponential(_mm512_sub_ps(_mm512_loadu_ps(tile + SIDE * i), max));
                __m512 b = exponential(_mm512_sub_ps(_mm512_loadu_ps(tile + SIDE * i + SIDE), max));
                if (!calmBlock) {
                    a = _mm512_maskz_mov_ps(seen(slot + SIDE * half + i, first, length), a);
                    b = _mm512_maskz_mov_ps(seen(slot + SIDE * half + i + 1, first, length), b);
                }
                sums[i] = _mm512_add_ps(sums[i], a);
                sums[i + 1] = _mm512_add_ps(sums[i + 1], b);
                words both = narrow(a, b);
                lo[SIDE / 2 * half + i / 2] = interleave(rest(a, b, both));
                _mm512_storeu_si512(low + 64 * (SIDE / 2 * half + i / 2), interleave(both)); // rows that have been read
            }
        }
        for (int i = 0; i < SIDE; i++) _mm512_storeu_si512(high + 64 * i, lo[i]);
    }
    for (int step = 1; step < SIDE; step *= 2) {
        for (int i = 0; i < SIDE; i += 2 * step) sums[i] = _mm512_add_ps(sums[i], sums[i + step]);
    }
    return sums[0];
}

// sums (= or, when `add`, +=) the values of `count` blocks of slots, weighted.
static void combine(const task *t, const uint8_t *values, long half, long count, const uint8_t *weights, int add) {
    long parts = 2 * t->steps;
    for (long ct = 0; ct < t->tiles; ct += 2) {
        int one = ct + 1 == t->tiles;
        for (long part = 0; part < parts; part += 2) {
            uint8_t *sum = t->sums + (part * t->tiles + ct) * TILE_BYTES, *lower = sum + t->tiles * TILE_BYTES;
            TILE_ZERO(0); TILE_ZERO(1); TILE_ZERO(2); TILE_ZERO(3);
            if (add) {
                TILE_LOAD(0, sum, 64); TILE_LOAD(2, lower, 64);
                if (!one) { TILE_LOAD(1, sum + TILE_BYTES, 64); TILE_LOAD(3, lower + TILE_BYTES, 64); }
            }
            for (long block = 0; block < count; block++) {
                const uint8_t *a = values + (block * parts + part) * TILE_BYTES, *b = a + TILE_BYTES;
                const uint8_t *x = weights + (2 * block * t->tiles + ct) * TILE_BYTES, *y = x + TILE_BYTES;
                THREE(a, b, half, x, y, t->tiles * TILE_BYTES, one)
            }
            TILE_STORE(0, sum, 64);
            TILE_STORE(2, lower, 64);
            if (one) continue;
            TILE_STORE(1, sum + TILE_BYTES, 64);
            TILE_STORE(3, lower + TILE_BYTES, 64);
        }
    }
}

static void finish(const task *t, const float *totals, float *out, const int64_t *at) {
    for (long ct = 0; ct < t->tiles; ct++) {
        for (long part = 0; part * SIDE < t->dim; part++) {
            words r[SIDE];
            const uint8_t *tile = t->sums + (part * t->tiles + ct) * TILE_BYTES;
            for (int i = 0; i < SIDE; i++) r[i] = _mm512_loadu_si512(tile + 64 * i);
            transpose(r);
            long left = t->dim - part * SIDE;
            __mmask16 mask = left >= SIDE ? 0xffff : (__mmask16) ((1 << left) - 1);
            for (int c = 0; c < SIDE && ct * SIDE + c < t->count; c++) {
                // A sum that vanished may have either sign; adding 0 makes it one.
                __m512 sum = _mm512_add_ps(_mm512_castsi512_ps(r[c]), _mm512_setzero_ps());
                _mm512_mask_storeu_ps(out + at[ct * SIDE + c] + part * SIDE, mask, _mm512_div_ps(sum, _mm512_set1_ps(totals[ct * SIDE + c])));
            }
        }
    }
}

static void configure(void) {
    tile_shapes shapes = {.palette = 1};
    for (int i = 0; i < 8; i++) {
        shapes.row_bytes[i] = 64;
        shapes.rows[i] = SIDE;
    }
    TILES_CONFIGURE(shapes);
}

// What a block of columns sees: somebody [low, high), everybody [calm, calmEnd).
typedef struct {
    const int32_t *first, *length;
    long low, high, calm, calmEnd;
} sight;

static sight look(const int32_t *first, const int32_t *length, long count) {
    sight s = {first, length, first[0], length[0], first[0], length[0]};
    for (long c = 1; c < count; c++) {
        s.low = first[c] < s.low ? first[c] : s.low;
        s.high = length[c] > s.high ? length[c] : s.high;
        s.calm = first[c] > s.calm ? first[c] : s.calm;
        s.calmEnd = length[c] < s.calmEnd ? length[c] : s.calmEnd;
    }
    return s;
}

static void weigh(const task *t, const sight *s, long from, long to, float *totals) {
    for (long ct = 0; ct < t->tiles; ct++) {
        int32_t f[SIDE], l[SIDE];
        for (int c = 0; c < SIDE; c++) { // columns past the last repeat it
            long column = ct * SIDE + c < t->count ? ct * SIDE + c : t->count - 1;
            f[c] = s->first[column];
            l[c] = s->length[column];
        }
        _mm512_storeu_ps(totals + ct * SIDE, softmax(t->scores + ct * TILE_BYTES, t->tiles * TILE_BYTES, from, to, s->calm, s->calmEnd,
                _mm512_loadu_si512(f), _mm512_loadu_si512(l)));
    }
}

static task prepare(long count, long dim, uint8_t *work) {
    long tiles = (count + SIDE - 1) / SIDE, steps = steps_of(dim);
    return (task) {dim, steps, count, tiles, work, work + 2 * tiles * steps * TILE_BYTES, work + 4 * tiles * steps * TILE_BYTES};
}

// Bytes of `work` for `count` columns that see slots of `span`, multiples of 32 apart; of the packed slots of stoa_attention_alone besides.
EXPORT long stoa_attention_work(long count, long span, long dim) {
    long tiles = (count + SIDE - 1) / SIDE, steps = steps_of(dim);
    return TILE_BYTES * (4 * tiles * steps + span / SIDE * tiles + 2 * (CHUNK / SIDE) * steps);
}

// out[at[c] ..] = attention of q[at[c] ..] over slots [first[c], length[c]) for `count` columns, at most 128, over keys and values
// packed from slot `origin`, a multiple of 32, with hi and lo `half` bytes apart.
EXPORT void stoa_attention(const float *q, float *out, const int64_t *at, const int32_t *first, const int32_t *length, long count,
        const uint8_t *keys, const uint8_t *values, long half, long origin, long dim, float scale, uint8_t *work) {
    sight s = look(first, length, count);
    long from = s.low / BLOCK * BLOCK, to = (s.high + BLOCK - 1) / BLOCK * BLOCK;
    task t = prepare(count, dim, work);
    pack_queries(&t, q, at, scale);
    float totals[MOST_COLUMNS];
    configure();
    score(&t, keys + (from - origin) / SIDE * t.steps * TILE_BYTES, half, (to - from) / SIDE, t.scores);
    weigh(&t, &s, from, to, totals);
    combine(&t, values + (from - origin) / BLOCK * 2 * t.steps * TILE_BYTES, half, (to - from) / BLOCK, t.scores, 0);
    TILES_RELEASE();
    finish(&t, totals, out, at);
}

// What follows is for at most 16 columns that all see the same slots, the heads of one row. Operands of the second product change
// places, so that weights are rows and values need no transposing; every product and every sum is the same.

// Queries as pack_queries has them.
static void pack_few_queries(const task *t, const float *q, const int64_t *at, float scale) {
    __m512 factor = _mm512_set1_ps(scale);
    memset(t->queries, 0, 2 * t->steps * TILE_BYTES);
    for (long s = 0; s < t->steps; s++) {
        for (long c = 0; c < t->count; c++) {
            __m512 low = _mm512_mul_ps(channels(q + at[c], 0, 0, 1, BLOCK * s, t->dim), factor);
            __m512 high = _mm512_mul_ps(channels(q + at[c], 0, 0, 1, BLOCK * s + SIDE, t->dim), factor);
            words hi = narrow(low, high), lo = rest(low, high, hi);
            uint32_t pairs[2][SIDE], *tile = (uint32_t *) (t->queries + 2 * s * TILE_BYTES) + c;
            _mm512_storeu_si512(pairs[0], hi);
            _mm512_storeu_si512(pairs[1], lo);
            for (int i = 0; i < SIDE; i++) {
                tile[SIDE * i] = pairs[0][i];
                tile[SIDE * i + TILE_BYTES / 4] = pairs[1][i];
            }
        }
    }
}

// 16 scores of one column, slots side by side.
INLINE __m512 slots_of(const uint8_t *tile, long column) {
    const __m512i places = _mm512_set_epi32(240, 224, 208, 192, 176, 160, 144, 128, 112, 96, 80, 64, 48, 32, 16, 0);
    return _mm512_i32gather_ps(places, (const float *) tile + column, 4);
}

INLINE __mmask16 between(long slot, long low, long high) {
    long before = low - slot, after = high - slot;
    return (__mmask16) ((after >= SIDE ? 0xffff : after <= 0 ? 0 : (1 << after) - 1) & ~(before <= 0 ? 0 : before >= SIDE ? 0xffff : (1 << before) - 1));
}

// Scores become weights: per block of 32 slots the rows of all columns, hi, then lo. Answers each column's total.
static void weigh_few(const task *t, const sight *s, long from, long to, float *totals) {
    __m512 max[SIDE], sums[SIDE];
    float lanes[SIDE];
    for (long c = 0; c < t->count; c++) {
        max[c] = _mm512_set1_ps(-__builtin_inff());
        sums[c] = _mm512_setzero_ps();
    }
    for (long slot = from; slot < to; slot += SIDE) {
        __mmask16 seen = between(slot, s->low, s->high);
        for (long c = 0; c < t->count; c++) {
            max[c] = _mm512_mask_max_ps(max[c], seen, slots_of(t->scores + (slot - from) / SIDE * TILE_BYTES, c), max[c]);
        }
    }
    for (long c = 0; c < t->count; c++) {
        _mm512_storeu_ps(lanes, max[c]);
        float most = lanes[0];
        for (int i = 1; i < SIDE; i++) most = lanes[i] > most ? lanes[i] : most;
        max[c] = _mm512_set1_ps(most);
    }
    for (long slot = from; slot < to; slot += BLOCK) {
        uint8_t *tile = t->scores + (slot - from) / SIDE * TILE_BYTES;
        __mmask16 first = between(slot, s->low, s->high), second = between(slot + SIDE, s->low, s->high);
        words hi[SIDE], lo[SIDE];
        for (long c = 0; c < t->count; c++) {
            __m512 a = _mm512_maskz_mov_ps(first, exponential(_mm512_sub_ps(slots_of(tile, c), max[c])));
            __m512 b = _mm512_maskz_mov_ps(second, exponential(_mm512_sub_ps(slots_of(tile + TILE_BYTES, c), max[c])));
            sums[c] = _mm512_add_ps(_mm512_add_ps(sums[c], a), b);
            hi[c] = narrow(a, b);
            lo[c] = rest(a, b, hi[c]);
        }
        for (long c = 0; c < t->count; c++) {
            _mm512_storeu_si512(tile + 64 * c, hi[c]);
            _mm512_storeu_si512(tile + TILE_BYTES + 64 * c, lo[c]);
        }
    }
    for (long c = 0; c < t->count; c++) {
        _mm512_storeu_ps(lanes, sums[c]);
        for (int step = 1; step < SIDE; step *= 2) {
            for (int i = 0; i < SIDE; i += 2 * step) lanes[i] += lanes[i + step];
        }
        totals[c] = lanes[0];
    }
}

// 16 channels of 32 slots as pairs of slots, hi and lo.
INLINE void pair_values(const float *values, long dim, long channel, long block, long from, long to, const int whole, uint8_t *tile) {
    for (int i = 0; i < SIDE; i++) {
        long slot = block + 2 * i;
        const float *at = values + slot * dim + channel;
        fetch(at + BLOCK * dim);
        fetch(at + BLOCK * dim + dim);
        __m512 low = whole ? _mm512_loadu_ps(at) : channels(values, slot, from, to, channel, dim);
        __m512 high = whole ? _mm512_loadu_ps(at + dim) : channels(values, slot + 1, from, to, channel, dim);
        words both = narrow(low, high);
        _mm512_store_si512(tile + 64 * i, interleave(both));
        _mm512_store_si512(tile + TILE_BYTES + 64 * i, interleave(rest(low, high, both)));
    }
}

// out = weights times values, over the totals. Tiles: 0, 1 sums; 2, 3 weights hi and lo; 4, 5 and 6, 7 values of 16 channels each.
static void combine_few(const task *t, const sight *s, const float *values, long from, long to, const float *totals, float *out, const int64_t *at) {
    tile_shapes shapes = {.palette = 1};
    for (int i = 0; i < 8; i++) {
        shapes.row_bytes[i] = 64;
        shapes.rows[i] = i < 4 ? (uint8_t) t->count : SIDE;
    }
    TILES_CONFIGURE(shapes);
    uint8_t pairs[4 * TILE_BYTES] __attribute__((aligned(64)));
    for (long chunk = from; chunk < to; chunk += CHUNK) { // its values stay in the second-level cache while parts pass over them
        long end = chunk + CHUNK < to ? chunk + CHUNK : to;
        for (long part = 0; part < 2 * t->steps; part += 2) {
            uint8_t *sum = t->sums + part * TILE_BYTES;
            if (chunk == from) {
                TILE_ZERO(0); TILE_ZERO(1);
            } else {
                TILE_LOAD(0, sum, 64); TILE_LOAD(1, sum + TILE_BYTES, 64);
            }
            for (long block = chunk; block < end; block += BLOCK) {
                int whole = t->dim % BLOCK == 0 && block >= s->low && block + BLOCK <= s->high;
                for (int half = 0; half < 2; half++) {
                    uint8_t *tile = pairs + 2 * half * TILE_BYTES;
                    if (whole) pair_values(values, t->dim, SIDE * (part + half), block, s->low, s->high, 1, tile);
                    else pair_values(values, t->dim, SIDE * (part + half), block, s->low, s->high, 0, tile);
                }
                const uint8_t *weights = t->scores + (block - from) / SIDE * TILE_BYTES;
                TILE_LOAD(2, weights, 64); TILE_LOAD(3, weights + TILE_BYTES, 64);
                TILE_LOAD(4, pairs, 64); TILE_LOAD(5, pairs + TILE_BYTES, 64);
                TILE_LOAD(6, pairs + 2 * TILE_BYTES, 64); TILE_LOAD(7, pairs + 3 * TILE_BYTES, 64);
                TILE_DOT_BF16(0, 2, 4); TILE_DOT_BF16(1, 2, 6);
                TILE_DOT_BF16(0, 2, 5); TILE_DOT_BF16(1, 2, 7);
                TILE_DOT_BF16(0, 3, 4); TILE_DOT_BF16(1, 3, 6);
            }
            TILE_STORE(0, sum, 64); TILE_STORE(1, sum + TILE_BYTES, 64);
        }
    }
    for (long part = 0; SIDE * part < t->dim; part++) {
        long left = t->dim - SIDE * part;
        __mmask16 mask = left >= SIDE ? 0xffff : (__mmask16) ((1 << left) - 1);
        for (long c = 0; c < t->count; c++) {
            // A sum that vanished may have either sign; adding 0 makes it one.
            __m512 sum = _mm512_add_ps(_mm512_loadu_ps(t->sums + part * TILE_BYTES + 64 * c), _mm512_setzero_ps());
            _mm512_mask_storeu_ps(out + at[c] + SIDE * part, mask, _mm512_div_ps(sum, _mm512_set1_ps(totals[c])));
        }
    }
}

// The same over keys and values that are not packed, for few columns: the heads of one row, which all see [first, length).
EXPORT void stoa_attention_alone(const float *q, float *out, const int64_t *at, const int32_t *first, const int32_t *length, long count,
        const float *keys, const float *values, long dim, float scale, uint8_t *work) {
    sight s = look(first, length, count);
    long from = s.low / BLOCK * BLOCK, to = (s.high + BLOCK - 1) / BLOCK * BLOCK;
    task t = prepare(count, dim, work);
    if (count <= SIDE) pack_few_queries(&t, q, at, scale);
    else pack_queries(&t, q, at, scale);
    uint8_t *packed = t.scores + (to - from) / SIDE * t.tiles * TILE_BYTES;
    long half = CHUNK / SIDE * t.steps * TILE_BYTES;
    float totals[MOST_COLUMNS];
    configure();
    for (long slot = from; slot < to; slot += CHUNK) {
        long end = slot + CHUNK < to ? slot + CHUNK : to;
        stoa_attention_keys(keys, dim, slot > s.low ? slot : s.low, end < s.high ? end : s.high, packed, half);
        score(&t, packed, half, (end - slot) / SIDE, t.scores + (slot - from) / SIDE * t.tiles * TILE_BYTES);
    }
    if (count <= SIDE) {
        weigh_few(&t, &s, from, to, totals);
        combine_few(&t, &s, values, from, to, totals, out, at);
        TILES_RELEASE();
        return;
    }
    weigh(&t, &s, from, to, totals);
    for (long slot = from; slot < to; slot += CHUNK) {
        long end = slot + CHUNK < to ? slot + CHUNK : to;
        stoa_attention_values(values, dim, slot > s.low ? slot : s.low, end < s.high ? end : s.high, from, to, packed, half);
        combine(&t, packed, half, (end - slot) / BLOCK, t.scores + (slot - from) / SIDE * t.tiles * TILE_BYTES, slot > from);
    }
    TILES_RELEASE();
    finish(&t, totals, out, at);
}
