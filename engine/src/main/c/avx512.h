// SPDX-License-Identifier: Apache-2.0
//
// The primitives of products.h and rounding.h for AVX-512 F, BW, VL and VNNI: 16 rows a vector.
#ifndef STOA_AVX512_H
#define STOA_AVX512_H

#include <immintrin.h>

#define LANES 16

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

// As round_block of rounding.h.
#define ROUND_BLOCK
static inline __attribute__((always_inline)) float round_block(const float *x, int8_t *to, int32_t *half) {
    __m512 first = _mm512_loadu_ps(x), last = _mm512_loadu_ps(x + 16);
    __m512i mask = _mm512_set1_epi32(0x7fffffff);
    int32_t largest = _mm512_reduce_max_epi32(_mm512_max_epi32(_mm512_and_si512(_mm512_castps_si512(first), mask),
            _mm512_and_si512(_mm512_castps_si512(last), mask)));
    float most = _mm_cvtss_f32(_mm_castsi128_ps(_mm_cvtsi32_si128(largest)));
    float inverse = most < 1e-30f ? 0 : 127 / most;
    __m512 factor = _mm512_set1_ps(inverse), rounder = _mm512_set1_ps(12582912);
    first = _mm512_add_ps(_mm512_mul_ps(first, factor), rounder);
    last = _mm512_add_ps(_mm512_mul_ps(last, factor), rounder);
    // The low bytes are the integers: what is taken off above has none.
    __m128i low = _mm512_cvtepi32_epi8(_mm512_castps_si512(first)), high = _mm512_cvtepi32_epi8(_mm512_castps_si512(last));
    _mm_storeu_si128((void *) to, low);
    _mm_storeu_si128((void *) (to + 16), high);
    __m128i ones = _mm_set1_epi8(1), zero = _mm_setzero_si128();
    __m128i a = _mm_dpbusd_epi32(zero, ones, low), b = _mm_dpbusd_epi32(zero, ones, high);
    a = _mm_hadd_epi32(a, b);
    a = _mm_hadd_epi32(a, a);
    _mm_storel_epi64((void *) half, a);
    return most / 127;
}

#endif
