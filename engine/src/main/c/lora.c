// SPDX-License-Identifier: Apache-2.0
//
// Low-rank updates y += factor * b (a x) for rows of a batch, factors read where they lie in an adapter's file.
//
// Written over vectors of 16 floats that the compiler splits where registers are narrower: the same bits from every
// instruction set. One order for every number of rows and threads: u[r] = a[r] . x is the sum of 16 lanes as a balanced
// tree, lane l having added k = l, l + 16, ... ; b u adds r = 0, 1, ... . Compiled with -ffp-contract=fast: every
// `c + a * b` below is one fused operation.
#include <stdint.h>
#include <string.h>
#if defined(__F16C__) || defined(__AVX512F__)
#include <immintrin.h>
#endif

#define EXPORT __attribute__((visibility("default")))
#define INLINE static inline __attribute__((always_inline))
#ifdef __clang__
#define UNROLL _Pragma("clang loop unroll(full)")
#else
#define UNROLL _Pragma("GCC unroll 16")
#endif

typedef float floats __attribute__((vector_size(64)));
typedef uint32_t words __attribute__((vector_size(64)));
typedef uint16_t halves __attribute__((vector_size(32)));

// Types of factors, as the Java side numbers them.
enum { F32, F16, BF16 };
// Bytes that are asked for ahead: factors are short, the hardware's own guesses begin anew with each. (Measured: 8 adapters of
// rank 16 pass at 29 GB/s instead of 17; twice the distance is no better.)
enum { AHEAD_A = 512, AHEAD_B = 2048 };
enum { LANES = 16, RANKS = 4, ROWS = 6, PANELS = 4, UP_ROWS = 4 };

#define EVEN(a, b) __builtin_shufflevector(a, b, 0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30)
#define ODD(a, b) __builtin_shufflevector(a, b, 1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25, 27, 29, 31)

INLINE floats load(const float *p) {
    floats v;
    memcpy(&v, p, sizeof v);
    return v;
}

INLINE floats zero(void) {
    return (floats) {0};
}

// Halves, one in the low bits of each word, exactly: subnormal ones too; factors are finite.
INLINE floats of_halves(words w) {
    floats magnitude = (floats) ((w & 0x7fff) << 13) * 0x1p112f;
    return (floats) ((words) magnitude | (w & 0x8000) << 16);
}

// The same of 16 halves side by side.
INLINE floats of_packed_halves(halves h) {
#if defined(__AVX512F__)
    return (floats) _mm512_cvtph_ps((__m256i) h);
#elif defined(__F16C__)
    __m128i part[2];
    memcpy(part, &h, sizeof part);
    __m256 both[2] = {_mm256_cvtph_ps(part[0]), _mm256_cvtph_ps(part[1])};
    floats f;
    memcpy(&f, both, sizeof f);
    return f;
#else
    return of_halves(__builtin_convertvector(h, words));
#endif
}

// 16 values of a factor.
INLINE floats widen(const int type, const uint8_t *p) {
    if (type == F32) return load((const float *) p);
    halves h;
    memcpy(&h, p, sizeof h);
    return type == BF16 ? (floats) (__builtin_convertvector(h, words) << 16) : of_packed_halves(h);
}

INLINE long size_of(const int type) {
    return type == F32 ? 4 : 2;
}

// u[i][r] = a[r] . x[i] for RANKS rows of a and T rows of x.
INLINE void dots(const int type, const int T, const uint8_t *const *a, long k, const float *const *x, float *const *u, int ranks) {
    floats sum[RANKS][ROWS];
    UNROLL for (int r = 0; r < RANKS; r++) UNROLL for (int i = 0; i < T; i++) sum[r][i] = zero();
    long at = 0;
    for (; at + LANES <= k; at += LANES) {
        floats v[ROWS];
        UNROLL for (int i = 0; i < T; i++) v[i] = load(x[i] + at);
        UNROLL for (int r = 0; r < RANKS; r++) {
            if (at % (64 / size_of(type)) == 0) __builtin_prefetch(a[r] + at * size_of(type) + AHEAD_A);
            floats w = widen(type, a[r] + at * size_of(type));
            UNROLL for (int i = 0; i < T; i++) sum[r][i] = sum[r][i] + w * v[i];
        }
    }
    if (at < k) {
        for (int i = 0; i < T; i++) {
            float rest[LANES] = {0};
            memcpy(rest, x[i] + at, (k - at) * sizeof(float));
            for (int r = 0; r < RANKS; r++) {
                uint8_t last[LANES * sizeof(float)] = {0};
                memcpy(last, a[r] + at * size_of(type), (k - at) * size_of(type));
                sum[r][i] = sum[r][i] + widen(type, last) * load(rest);
            }
        }
    }
    UNROLL for (int i = 0; i < T; i++) {
        floats low = EVEN(sum[0][i], sum[1][i]) + ODD(sum[0][i], sum[1][i]);
        floats high = EVEN(sum[2][i], sum[3][i]) + ODD(sum[2][i], sum[3][i]);
        floats all = EVEN(low, high) + ODD(low, high);
        all = EVEN(all, all) + ODD(all, all);
        all = EVEN(all, all) + ODD(all, all);
        float four[LANES];
        memcpy(four, &all, sizeof four);
        for (int r = 0; r < ranks; r++) u[i][r] = four[r];
    }
}

#define DOTS(n) case n: dots(type, n, as, k, xs, us, ranks); break

INLINE void down(const int type, const uint8_t *a, long k, int from, int to, const float *x, const int32_t *rows, int first,
        int last, float *u, long ldu) {
    for (int i = first; i < last; i += ROWS) {
        int tile = last - i < ROWS ? last - i : ROWS;
        const float *xs[ROWS];
        for (int t = 0; t < tile; t++) xs[t] = x + rows[i + t] * k;
        for (int r = from; r < to; r += RANKS) {
            int ranks = to - r < RANKS ? to - r : RANKS;
            const uint8_t *as[RANKS];
            float *us[ROWS];
            for (int s = 0; s < RANKS; s++) as[s] = a + (r + (s < ranks ? s : 0)) * k * size_of(type);
            for (int t = 0; t < tile; t++) us[t] = u + (i + t) * ldu + r;
            switch (tile) {
                DOTS(1); DOTS(2); DOTS(3); DOTS(4); DOTS(5); DOTS(6);
            }
        }
    }
}

// u[i][r] = a[r] . x[rows[i]] for i in [first, last), r in [from, to); a (R, k), x rows of k, u rows of ldu.
EXPORT void stoa_lora_down(int type, const uint8_t *a, long k, int from, int to, const float *x, const int32_t *rows, int first,
        int last, float *u, long ldu) {
    switch (type) {
        case F32: down(F32, a, k, from, to, x, rows, first, last, u, ldu); break;
        case F16: down(F16, a, k, from, to, x, rows, first, last, u, ldu); break;
        case BF16: down(BF16, a, k, from, to, x, rows, first, last, u, ldu); break;
    }
}

// 16 rows of c words, one after another in c vectors, turned into c vectors of 16 rows: each step moves the lowest bit of
// an element's place to the top.
INLINE void turn(words *v, const int c) {
    UNROLL for (int step = 1; step < c; step *= 2) {
        words t[LANES];
        UNROLL for (int j = 0; j < c / 2; j++) {
            t[j] = EVEN(v[2 * j], v[2 * j + 1]);
            t[c / 2 + j] = ODD(v[2 * j], v[2 * j + 1]);
        }
        UNROLL for (int j = 0; j < c; j++) v[j] = t[j];
    }
}

// out[r][16] = words of 16 rows `stride` bytes apart, c of them from `b` on.
INLINE void columns(const int type, const uint8_t *b, long stride, const int c, float *out) {
    words v[LANES];
    if (c == LANES) {
        UNROLL for (int j = 0; j < LANES; j++) memcpy(&v[j], b + j * stride, sizeof v[j]);
    } else { // rows that follow each other
        UNROLL for (int j = 0; j < c; j++) memcpy(&v[j], b + j * (long) sizeof v[j], sizeof v[j]);
    }
    turn(v, c);
    UNROLL for (int j = 0; j < c; j++) {
        if (type == F32) {
            memcpy(out + j * LANES, &v[j], sizeof v[j]);
        } else {
            floats low = type == BF16 ? (floats) (v[j] << 16) : of_packed_halves(__builtin_convertvector(v[j], halves));
            floats high = type == BF16 ? (floats) (v[j] & 0xffff0000) : of_packed_halves(__builtin_convertvector(v[j] >> 16, halves));
            memcpy(out + 2 * j * LANES, &low, sizeof low);
            memcpy(out + (2 * j + 1) * LANES, &high, sizeof high);
        }
    }
}

INLINE float scalar(const int type, const uint8_t *p) {
    if (type == F32) {
        float f;
        memcpy(&f, p, sizeof f);
        return f;
    }
    uint16_t h;
    memcpy(&h, p, sizeof h);
    words w = {h};
    return type == BF16 ? ((floats) (w << 16))[0] : of_halves(w)[0];
}

// out[r][16] = rows [0, count) of b (.., rank); lanes beyond are zero.
INLINE void panel(const int type, const uint8_t *b, int rank, int count, float *out) {
    long bytes = rank * size_of(type);
    if (count == LANES) {
        switch (bytes) {
            case 4: columns(type, b, bytes, 1, out); return;
            case 8: columns(type, b, bytes, 2, out); return;
            case 16: columns(type, b, bytes, 4, out); return;
            case 32: columns(type, b, bytes, 8, out); return;
        }
        if (bytes % 64 == 0) {
            for (long at = 0; at < bytes; at += 64) columns(type, b + at, bytes, LANES, out + at / size_of(type) * LANES);
            return;
        }
    }
    for (int r = 0; r < rank; r++) {
        for (int l = 0; l < LANES; l++) out[r * LANES + l] = l < count ? scalar(type, b + l * bytes + r * size_of(type)) : 0;
    }
}

// y[i] += factor * sum of r over P panels for T rows.
INLINE void add(const int P, const int T, const float *panels, int rank, const float *const *u, float factor, float *const *y, int width) {
    floats sum[UP_ROWS][PANELS];
    UNROLL for (int i = 0; i < T; i++) UNROLL for (int p = 0; p < P; p++) sum[i][p] = zero();
    for (int r = 0; r < rank; r++) {
        floats w[PANELS];
        UNROLL for (int p = 0; p < P; p++) w[p] = load(panels + ((long) p * rank + r) * LANES);
        UNROLL for (int i = 0; i < T; i++) {
            floats s = zero() + u[i][r];
            UNROLL for (int p = 0; p < P; p++) sum[i][p] = sum[i][p] + w[p] * s;
        }
    }
    UNROLL for (int i = 0; i < T; i++) UNROLL for (int p = 0; p < P; p++) {
        float *to = y[i] + p * LANES;
        int left = width - p * LANES;
        floats old = zero();
        if (left >= LANES) {
            old = load(to) + sum[i][p] * factor;
            memcpy(to, &old, sizeof old);
        } else {
            memcpy(&old, to, left * sizeof(float));
            old = old + sum[i][p] * factor;
            memcpy(to, &old, left * sizeof(float));
        }
    }
}

INLINE void up(const int type, const uint8_t *b, int rank, long n, long from, long to, const float *u, long ldu,
        const int32_t *rows, int count, float factor, float *y, float *scratch) {
    for (long first = from; first < to; first += PANELS) {
        int panels = to - first < PANELS ? (int) (to - first) : PANELS;
        int width = n - first * LANES < PANELS * LANES ? (int) (n - first * LANES) : PANELS * LANES;
        for (int p = 0; p < panels; p++) {
            int lanes = width - p * LANES < LANES ? width - p * LANES : LANES;
            const uint8_t *next = b + (first + p) * LANES * rank * size_of(type) + AHEAD_B;
            for (long at = 0; at < LANES * rank * size_of(type); at += 64) __builtin_prefetch(next + at);
            panel(type, b + (first + p) * LANES * rank * size_of(type), rank, lanes, scratch + (long) p * rank * LANES);
        }
        for (int T, i = 0; i < count; i += T) {
            T = count - i >= UP_ROWS ? UP_ROWS : 1;
            const float *us[UP_ROWS];
            float *ys[UP_ROWS];
            for (int t = 0; t < T; t++) {
                us[t] = u + (i + t) * ldu;
                ys[t] = y + rows[i + t] * n + first * LANES;
            }
            if (panels == PANELS) {
                if (T == UP_ROWS) add(PANELS, UP_ROWS, scratch, rank, us, factor, ys, width);
                else add(PANELS, 1, scratch, rank, us, factor, ys, width);
            } else {
                for (int p = 0; p < panels; p++) {
                    for (int t = 0; t < T; t++) {
                        float *at = ys[t] + p * LANES;
                        add(1, 1, scratch + (long) p * rank * LANES, rank, us + t, factor, &at, width - p * LANES);
                    }
                }
            }
        }
    }
}

// y[rows[i]][16 p ..] += factor * b u[i] for all i < count and panels of 16 outputs [from, to); b (n, rank), y rows of n.
// `scratch` has room for 64 * rank floats.
EXPORT void stoa_lora_up(int type, const uint8_t *b, int rank, long n, long from, long to, const float *u, long ldu,
        const int32_t *rows, int count, float factor, float *y, float *scratch) {
    switch (type) {
        case F32: up(F32, b, rank, n, from, to, u, ldu, rows, count, factor, y, scratch); break;
        case F16: up(F16, b, rank, n, from, to, u, ldu, rows, count, factor, y, scratch); break;
        case BF16: up(BF16, b, rank, n, from, to, u, ldu, rows, count, factor, y, scratch); break;
    }
}
