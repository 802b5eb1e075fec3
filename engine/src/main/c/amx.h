// SPDX-License-Identifier: Apache-2.0
//
// AMX tiles: eight registers of at most 16 rows of 64 bytes. The compiler's intrinsics are not used: those of GCC 12 do not
// say that a load reads memory, nor that all 64 bytes of a configuration are read, and stores before them get lost.
//
// A configuration belongs to a thread. A kernel configures when it starts and releases before it returns: tiles in use
// make every switch of threads save 8 KB more. The process must have asked for them (cpu.c).
#ifndef STOA_AMX_H
#define STOA_AMX_H

#include <stdint.h>

typedef struct {
    uint8_t palette, start, reserved[14];
    uint16_t row_bytes[16];
    uint8_t rows[16];
} tile_shapes;

// All registers in one shape each, and zero. `shapes.palette` is 1.
#define TILES_CONFIGURE(shapes) __asm__ volatile("ldtilecfg %0" :: "m"(shapes) : "memory")
#define TILES_RELEASE() __asm__ volatile("tilerelease" ::: "memory")
// t, c, a, b: numbers of registers, 0 to 7. Rows are `stride` bytes apart.
#define TILE_LOAD(t, from, stride) \
    __asm__ volatile("tileloadd (%0,%1,1), %%tmm" #t :: "r"((const void *) (from)), "r"((long) (stride)) : "memory")
#define TILE_STORE(t, to, stride) \
    __asm__ volatile("tilestored %%tmm" #t ", (%0,%1,1)" :: "r"((void *) (to)), "r"((long) (stride)) : "memory")
#define TILE_ZERO(t) __asm__ volatile("tilezero %%tmm" #t ::: "memory")
// c (rows, columns) of int32 += a (rows, 4 k) * b (k, columns of 4), all signed bytes.
#define TILE_DOT_BYTES(c, a, b) __asm__ volatile("tdpbssd %%tmm" #b ", %%tmm" #a ", %%tmm" #c ::: "memory")
// c (rows, columns) of floats += a (rows, 2 k) * b (k, columns of 2), all bfloat16; denormals count as zero.
#define TILE_DOT_BF16(c, a, b) __asm__ volatile("tdpbf16ps %%tmm" #b ", %%tmm" #a ", %%tmm" #c ::: "memory")

#endif
