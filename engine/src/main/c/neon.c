// SPDX-License-Identifier: Apache-2.0
//
// AArch64 with dot products: 4 rows a vector. Compiled twice, for dotprod alone and with i8mm's mixed-sign product.
#include <arm_neon.h>

#define LANES 4
#define TILE 8

typedef int32x4_t ivec;
typedef float32x4_t fvec;

#define i_load(p) vreinterpretq_s32_u8(vld1q_u8(p))
#define i_set1(v) vdupq_n_s32(v)
#define i_zero() vdupq_n_s32(0)
#define i_low(v) vreinterpretq_s32_u8(vandq_u8(vreinterpretq_u8_s32(v), vdupq_n_u8(15)))
#define i_high(v) vreinterpretq_s32_u8(vshrq_n_u8(vreinterpretq_u8_s32(v), 4))
#define i_dot7(s, w, a) vdotq_s32(s, vreinterpretq_s8_s32(w), vreinterpretq_s8_s32(a))
#ifdef __ARM_FEATURE_MATMUL_INT8
#define i_dot8(s, w, a) vusdotq_s32(s, vreinterpretq_u8_s32(w), vreinterpretq_s8_s32(a))
#else
// w a = (w - 128) a + 64 a + 64 a, each factor signed.
static inline __attribute__((always_inline)) int32x4_t i_dot8(int32x4_t s, int32x4_t w, int32x4_t a) {
    int8x16_t half = vdupq_n_s8(64);
    s = vdotq_s32(s, vreinterpretq_s8_u8(veorq_u8(vreinterpretq_u8_s32(w), vdupq_n_u8(128))), vreinterpretq_s8_s32(a));
    return vdotq_s32(vdotq_s32(s, half, vreinterpretq_s8_s32(a)), half, vreinterpretq_s8_s32(a));
}
#endif
#define f_zero() vdupq_n_f32(0)
#define f_set1(v) vdupq_n_f32(v)
#define f_of_int(v) vcvtq_f32_s32(v)
#define f_mul(a, b) vmulq_f32(a, b)
#define f_add(a, b) vaddq_f32(a, b)
#define f_fma(a, b, c) vfmaq_f32(c, a, b)
#define f_fnma(a, b, c) vfmsq_f32(c, a, b)
#define f_half(p) vcvt_f32_f16(vreinterpret_f16_u8(vld1_u8(p)))
#define f_load(p) vld1q_f32(p)
#define f_store(p, v) vst1q_f32(p, v)

static inline __attribute__((always_inline)) uint8x8_t four(const uint8_t *p) {
    uint32_t word;
    __builtin_memcpy(&word, p, 4);
    return vreinterpret_u8_u32(vdup_n_u32(word));
}

#define f_bytes(p) vcvtq_f32_u32(vmovl_u16(vget_low_u16(vmovl_u8(four(p)))))
#define f_signed(p) vcvtq_f32_s32(vmovl_s16(vget_low_s16(vmovl_s8(vreinterpret_s8_u8(four(p))))))

static inline __attribute__((always_inline)) int32x4_t i_six(int32x4_t n, int32x4_t c, const int part) {
    uint8x16_t pairs = vreinterpretq_u8_s32(c);
    uint8x16_t shifted = part == 0 ? vshlq_n_u8(pairs, 4) : part == 1 ? vshlq_n_u8(pairs, 2) : part == 2 ? pairs : vshrq_n_u8(pairs, 2);
    return vreinterpretq_s32_u8(vorrq_u8(vreinterpretq_u8_s32(n), vandq_u8(shifted, vdupq_n_u8(0x30))));
}

#include "products.h"
