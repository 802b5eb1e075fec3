// SPDX-License-Identifier: Apache-2.0
//
// bfloat16 products by AVX-512: sixteen columns, two of depth at a time.
#include "bf16-attention.h"

static void begin(void) {}

static void end(void) {}

// Eight rows: sixteen sums in registers.
INLINE void eight(const bf16 *a, long lda, const bf16 *b, const bf16 *right, long depth, float *c, long ldc, int add) {
    __m512 x[8], y[8];
#pragma GCC unroll 8
    for (int i = 0; i < 8; i++) {
        x[i] = add ? _mm512_loadu_ps(c + i * ldc) : _mm512_setzero_ps();
        y[i] = add ? _mm512_loadu_ps(c + i * ldc + 16) : _mm512_setzero_ps();
    }
    for (long k = 0; k < depth; k += 2) {
        __m512bh u = (__m512bh) _mm512_loadu_si512(b + 16 * k), v = (__m512bh) _mm512_loadu_si512(right + 16 * k);
#pragma GCC unroll 8
        for (int i = 0; i < 8; i++) {
            int pair;
            memcpy(&pair, a + i * lda + k, 4);
            __m512bh w = (__m512bh) _mm512_set1_epi32(pair);
            x[i] = _mm512_dpbf16_ps(x[i], w, u);
            y[i] = _mm512_dpbf16_ps(y[i], w, v);
        }
    }
#pragma GCC unroll 8
    for (int i = 0; i < 8; i++) {
        _mm512_storeu_ps(c + i * ldc, x[i]);
        _mm512_storeu_ps(c + i * ldc + 16, y[i]);
    }
}

static void block(const bf16 *a, long lda, const bf16 *b, long tile, long depth, float *c, long ldc, int add, int rows) {
    for (int i = 0; i < rows; i += 8) eight(a + i * lda, lda, b, b + tile, depth, c + i * ldc, ldc, add);
}

// The innermost instructions on registers; answers how many multiplications they are.
EXPORT int64_t stoa_bf16_spin(int rounds) {
    __m512 x[12];
    __m512bh w = (__m512bh) _mm512_set1_epi32(0x3f803f80);
    for (int j = 0; j < 12; j++) x[j] = _mm512_setzero_ps();
    for (int i = 0; i < rounds; i++) {
#pragma GCC unroll 12
        for (int j = 0; j < 12; j++) x[j] = _mm512_dpbf16_ps(x[j], w, w);
    }
#pragma GCC unroll 12
    for (int j = 0; j < 12; j++) __asm__ volatile("" ::"v"(x[j]));
    return 12L * rounds * 32;
}
