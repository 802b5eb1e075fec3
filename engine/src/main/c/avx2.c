// SPDX-License-Identifier: Apache-2.0
//
// x86-64 with AVX2, FMA and F16C: 8 rows a vector. Compiled twice, plainly and with AVX-VNNI's dot product.
#include <immintrin.h>

#define LANES 8
#define TILE 4

typedef __m256i ivec;
typedef __m256 fvec;

#define i_load(p) _mm256_loadu_si256((const void *) (p))
#define i_set1(v) _mm256_set1_epi32(v)
#define i_zero() _mm256_setzero_si256()
#define i_low(v) _mm256_and_si256(v, _mm256_set1_epi8(15))
#define i_high(v) _mm256_and_si256(_mm256_srli_epi16(v, 4), _mm256_set1_epi8(15))
#ifdef __AVXVNNI__
#define i_dot7(s, w, a) _mm256_dpbusd_avx_epi32(s, w, a)
#define i_dot8(s, w, a) _mm256_dpbusd_avx_epi32(s, w, a)
#else
// Pairs of products fit 16 bits while w < 128: 2 * 127 * 127.
#define i_dot7(s, w, a) _mm256_add_epi32(s, _mm256_madd_epi16(_mm256_maddubs_epi16(w, a), _mm256_set1_epi16(1)))
static inline __attribute__((always_inline)) __m256i i_dot8(__m256i s, __m256i w, __m256i a) {
    __m256i high = _mm256_maddubs_epi16(_mm256_and_si256(_mm256_srli_epi16(w, 4), _mm256_set1_epi8(15)), a);
    s = _mm256_add_epi32(s, _mm256_madd_epi16(high, _mm256_set1_epi16(16)));
    return i_dot7(s, _mm256_and_si256(w, _mm256_set1_epi8(15)), a);
}
#endif
#define f_zero() _mm256_setzero_ps()
#define f_set1(v) _mm256_set1_ps(v)
#define f_of_int(v) _mm256_cvtepi32_ps(v)
#define f_mul(a, b) _mm256_mul_ps(a, b)
#define f_add(a, b) _mm256_add_ps(a, b)
#define f_fma(a, b, c) _mm256_fmadd_ps(a, b, c)
#define f_fnma(a, b, c) _mm256_fnmadd_ps(a, b, c)
#define f_half(p) _mm256_cvtph_ps(_mm_loadu_si128((const void *) (p)))
#define f_bytes(p) _mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(_mm_loadl_epi64((const void *) (p))))
#define f_signed(p) _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(_mm_loadl_epi64((const void *) (p))))
#define f_load(p) _mm256_loadu_ps(p)
#define f_store(p, v) _mm256_storeu_ps(p, v)

static inline __attribute__((always_inline)) __m256i i_six(__m256i n, __m256i c, const int part) {
    __m256i pair = _mm256_and_si256(part < 2 ? c : _mm256_srli_epi16(c, 4), _mm256_set1_epi8(part % 2 == 0 ? 3 : 12));
    return _mm256_or_si256(n, part % 2 == 0 ? _mm256_slli_epi16(pair, 4) : _mm256_slli_epi16(pair, 2));
}

#include "products.h"
