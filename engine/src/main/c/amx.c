// SPDX-License-Identifier: Apache-2.0
//
// bfloat16 products by AMX tiles: sixteen rows times thirty-two of depth times sixteen columns per instruction.
#include "attention.h"

// The compiler's own macros do not say that they read and write memory.
#define LOAD(tile, p, stride) \
    __asm__ volatile("tileloadd (%0,%1,1), %%tmm" #tile ::"r"(p), "r"((long) (stride)) : "memory")
#define STORE(tile, p, stride) \
    __asm__ volatile("tilestored %%tmm" #tile ", (%0,%1,1)" ::"r"(p), "r"((long) (stride)) : "memory")
#define ZERO(tile) __asm__ volatile("tilezero %%tmm" #tile ::)
#define DOT(c, a, b) __asm__ volatile("tdpbf16ps %%tmm" #b ", %%tmm" #a ", %%tmm" #c ::)

static void begin(void) {
    struct {
        uint8_t palette, start, reserved[14];
        uint16_t bytes[16];
        uint8_t rows[16];
    } config = {.palette = 1};
    for (int i = 0; i < 8; i++) {
        config.bytes[i] = 64;
        config.rows[i] = 16;
    }
    __asm__ volatile("ldtilecfg %0" ::"m"(config) : "memory");
}

static void end(void) {
    __asm__ volatile("tilerelease" ::: "memory");
}

// Tiles 0 to 3 are the result, 4 and 5 the left operand, 6 and 7 the right one.
static void block(const bf16 *a, long lda, long plane, int planes, const bf16 *b, long tile, long depth, float *c, long ldc, int add, int rows) {
    const bf16 *right = b + tile;
    if (rows <= 16) {
        if (add) {
            LOAD(0, c, 4 * ldc);
            LOAD(1, c + 16, 4 * ldc);
        } else {
            ZERO(0);
            ZERO(1);
        }
        for (const bf16 *end = a + planes * plane; a != end; a += plane) {
            for (long k = 0; k < depth; k += 32) {
                LOAD(4, a + k, 2 * lda);
                LOAD(6, b + 16 * k, 64);
                DOT(0, 4, 6);
                LOAD(7, right + 16 * k, 64);
                DOT(1, 4, 7);
            }
        }
        STORE(0, c, 4 * ldc);
        STORE(1, c + 16, 4 * ldc);
        return;
    }
    if (add) {
        LOAD(0, c, 4 * ldc);
        LOAD(1, c + 16, 4 * ldc);
        LOAD(2, c + 16 * ldc, 4 * ldc);
        LOAD(3, c + 16 * ldc + 16, 4 * ldc);
    } else {
        ZERO(0);
        ZERO(1);
        ZERO(2);
        ZERO(3);
    }
    for (const bf16 *end = a + planes * plane; a != end; a += plane) {
        for (long k = 0; k < depth; k += 32) {
            LOAD(6, b + 16 * k, 64);
            LOAD(4, a + k, 2 * lda);
            DOT(0, 4, 6);
            LOAD(7, right + 16 * k, 64);
            DOT(1, 4, 7);
            LOAD(5, a + 16 * lda + k, 2 * lda);
            DOT(2, 5, 6);
            DOT(3, 5, 7);
        }
    }
    STORE(0, c, 4 * ldc);
    STORE(1, c + 16, 4 * ldc);
    STORE(2, c + 16 * ldc, 4 * ldc);
    STORE(3, c + 16 * ldc + 16, 4 * ldc);
}

// The innermost instructions on registers; answers how many multiplications they are.
EXPORT int64_t stoa_bf16_spin(int rounds) {
    begin();
    ZERO(0);
    ZERO(1);
    ZERO(2);
    ZERO(3);
    ZERO(4);
    ZERO(5);
    ZERO(6);
    ZERO(7);
    for (int i = 0; i < rounds; i++) {
        DOT(0, 4, 6);
        DOT(1, 4, 7);
        DOT(2, 5, 6);
        DOT(3, 5, 7);
    }
    end();
    return 4L * rounds * 16 * 16 * 32;
}

#ifdef __linux__
#include <cpuid.h>
#include <sys/syscall.h>
#include <unistd.h>

// Whether the CPU has these tiles and this process may use them; Linux asks every process to say that it wants to.
EXPORT int stoa_bf16_permitted(void) {
    const int request = 0x1023, tile_data = 18;
    uint32_t a, b, c, d;
    if (!__get_cpuid_count(7, 0, &a, &b, &c, &d) || !(d >> 22 & 1) || !(d >> 24 & 1)) return 0;
    return syscall(SYS_arch_prctl, request, tile_data) == 0;
}
#else
EXPORT int stoa_bf16_permitted(void) {
    return 0;
}
#endif
