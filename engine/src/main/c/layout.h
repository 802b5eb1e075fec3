// SPDX-License-Identifier: Apache-2.0
//
// Where weights and rounded activations lie.
//
// Weights: groups of 16 rows. Per group the quants of all blocks, then 32 bytes of scales per block, then the halves
// per 256 values of the K formats. A quant vector is 64 bytes: 4 consecutive k of 16 rows.
//   Q4_0  4 vectors a block (low nibbles k = 8v .. 8v + 3, high nibbles 8v + 4 .. 8v + 7); 16 halves. Value d (q - 8).
//   Q8_0  8 vectors a block, q + 128; 16 halves. Value d q.
//   Q4_K  as Q4_0; 16 scale and 16 minimum bytes; per 256 values 16 halves d, 16 halves dmin.
//   Q6_K  per 16 values two nibble vectors and one of bit pairs (k, k + 4, k + 8, k + 12); 16 scale bytes each; halves d.
//
// Activations: tiles of at most TILE rows, sizes as tile_rows tells (T rows): quants [block][8][T] ints of 4 bytes, or where
// a tile is read row by row (row_major) [block][T][32] bytes; scales [block][T], and [block][T] (Q6_K: [block][2][T]) of what
// the offset of the format adds: -8, -128, -32 times the sum of the quants as int; for Q4_K the scale times that sum as
// float. Room for 16 more floats and ints behind the last tile: whole vectors of them are read.
#ifndef STOA_LAYOUT_H
#define STOA_LAYOUT_H

#include <stdint.h>
#include <string.h>

#define EXPORT __attribute__((visibility("default")))
#define INLINE static inline __attribute__((always_inline))
#ifdef __clang__
#define UNROLL _Pragma("clang loop unroll(full)")
#else
#define UNROLL _Pragma("GCC unroll 16")
#endif

enum { Q4_0, Q8_0, Q4_K, Q6_K };
enum { ROWS = 16, VECTOR = 64, BLOCK = 32, CHUNK = 16 };

INLINE long quant_bytes(int format) {
    return format == Q8_0 ? 8 * VECTOR : format == Q6_K ? 6 * VECTOR : 4 * VECTOR;
}

// Bytes per 256 values besides the blocks' own.
INLINE long super_bytes(int format) {
    return format == Q4_K ? 64 : format == Q6_K ? 32 : 0;
}

INLINE long group_bytes(int format, long blocks) {
    long bytes = blocks * (quant_bytes(format) + 32) + blocks / 8 * super_bytes(format);
    return (bytes + VECTOR - 1) / VECTOR * VECTOR;
}

INLINE int aux_per_block(int format) {
    return format == Q6_K ? 2 : 1;
}

// The most rows a vector tile has: matrix registers take larger ones.
#ifdef MATRIX_ROWS
#define VECTOR_TILE (MATRIX_ROWS > 8 ? 8 : MATRIX_ROWS > 4 ? 4 : MATRIX_ROWS > 2 ? 2 : 1)
#else
#define VECTOR_TILE TILE
#endif

// Whether a tile of T rows is laid out row by row.
INLINE int row_major(long T) {
#ifdef MATRIX_ROWS
    return T >= MATRIX_ROWS;
#else
    (void) T;
    return 0;
#endif
}

// The next tile of `left` rows: the largest that they fill, or with matrix registers all that fit. A request and its experts
// are three or five rows, which read the weights once.
INLINE int tile_rows(long left) {
    if (left >= TILE) return TILE;
    if (row_major(left)) return (int) left;
    int most = VECTOR_TILE > 8 ? 8 : VECTOR_TILE;
    return left >= most ? most : left == 7 ? 4 : (int) left;
}

// Asks for what the block at this place of the next group takes: few rows wait for memory, and the processor's own guess
// ends at every page.
INLINE const uint8_t *ask_for(int format, const uint8_t *next) {
    long bytes = quant_bytes(format) + 32 + super_bytes(format) / 8;
    for (long at = 0; at < bytes; at += VECTOR) __builtin_prefetch(next + at, 0, 2);
    return next + bytes;
}

#endif
