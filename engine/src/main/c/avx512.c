// SPDX-License-Identifier: Apache-2.0
//
// x86-64 with AVX-512 F, BW, VL and VNNI: 16 rows a vector, 12 rows of activations a pass.
#include <immintrin.h>

#define LANES 16
#define TILE 12

typedef __m512i ivec;
typedef __m512 fvec;

#define i_load(p) _mm512_loadu_si512(p)
#define i_set1(v) _mm512_set1_epi32(v)
#define i_zero() _mm512_setzero_si512()
#define i_low(v) _mm512_and_si512(v, _mm512_set1_epi8(15))
#define i_high(v) _mm512_and_si512(_mm512_srli_epi16(v, 4), _mm512_set1_epi8(15))
#define i_dot7(s, w, a) _mm512_dpbusd_epi32(s, w, a)
#define i_dot8(s, w, a) _mm512_dpbusd_epi32(s, w, a)
#define f_zero() _mm512_setzero_ps()
#define f_set1(v) _mm512_set1_ps(v)
#define f_of_int(v) _mm512_cvtepi32_ps(v)
#define f_mul(a, b) _mm512_mul_ps(a, b)
#define f_add(a, b) _mm512_add_ps(a, b)
#define f_fma(a, b, c) _mm512_fmadd_ps(a, b, c)
#define f_fnma(a, b, c) _mm512_fnmadd_ps(a, b, c)
#define f_half(p) _mm512_cvtph_ps(_mm256_loadu_si256((const void *) (p)))
#define f_bytes(p) _mm512_cvtepi32_ps(_mm512_cvtepu8_epi32(_mm_loadu_si128((const void *) (p))))
#define f_signed(p) _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(_mm_loadu_si128((const void *) (p))))
#define f_load(p) _mm512_loadu_ps(p)
#define f_store(p, v) _mm512_storeu_ps(p, v)

static inline __attribute__((always_inline)) __m512i i_six(__m512i n, __m512i c, const int part) {
    __m512i pair = _mm512_and_si512(part < 2 ? c : _mm512_srli_epi16(c, 4), _mm512_set1_epi8(part % 2 == 0 ? 3 : 12));
    return _mm512_or_si512(n, part % 2 == 0 ? _mm512_slli_epi16(pair, 4) : _mm512_slli_epi16(pair, 2));
}

#include "products.h"
