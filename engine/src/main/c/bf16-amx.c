// SPDX-License-Identifier: Apache-2.0
//
// bfloat16 products by AMX tiles: sixteen rows times thirty-two of depth times sixteen columns per instruction.
#include "amx.h"
#include "bf16-attention.h"

static void begin(void) {
    tile_shapes shapes = {.palette = 1};
    for (int i = 0; i < 8; i++) {
        shapes.row_bytes[i] = 64;
        shapes.rows[i] = 16;
    }
    TILES_CONFIGURE(shapes);
}

static void end(void) {
    TILES_RELEASE();
}

// Tiles 0 to 3 are the result, 4 and 5 the left operand, 6 and 7 the right one.
static void block(const bf16 *a, long lda, const bf16 *b, long tile, long depth, float *c, long ldc, int add, int rows) {
    const bf16 *lower = a + 16 * lda, *right = b + tile;
    if (rows <= 16) {
        if (add) {
            TILE_LOAD(0, c, 4 * ldc);
            TILE_LOAD(1, c + 16, 4 * ldc);
        } else {
            TILE_ZERO(0);
            TILE_ZERO(1);
        }
        for (long k = 0; k < depth; k += 32) {
            TILE_LOAD(4, a + k, 2 * lda);
            TILE_LOAD(6, b + 16 * k, 64);
            TILE_DOT_BF16(0, 4, 6);
            TILE_LOAD(7, right + 16 * k, 64);
            TILE_DOT_BF16(1, 4, 7);
        }
        TILE_STORE(0, c, 4 * ldc);
        TILE_STORE(1, c + 16, 4 * ldc);
        return;
    }
    if (add) {
        TILE_LOAD(0, c, 4 * ldc);
        TILE_LOAD(1, c + 16, 4 * ldc);
        TILE_LOAD(2, c + 16 * ldc, 4 * ldc);
        TILE_LOAD(3, c + 16 * ldc + 16, 4 * ldc);
    } else {
        TILE_ZERO(0);
        TILE_ZERO(1);
        TILE_ZERO(2);
        TILE_ZERO(3);
    }
    for (long k = 0; k < depth; k += 32) {
        TILE_LOAD(6, b + 16 * k, 64);
        TILE_LOAD(4, a + k, 2 * lda);
        TILE_DOT_BF16(0, 4, 6);
        TILE_LOAD(7, right + 16 * k, 64);
        TILE_DOT_BF16(1, 4, 7);
        TILE_LOAD(5, lower + k, 2 * lda);
        TILE_DOT_BF16(2, 5, 6);
        TILE_DOT_BF16(3, 5, 7);
    }
    TILE_STORE(0, c, 4 * ldc);
    TILE_STORE(1, c + 16, 4 * ldc);
    TILE_STORE(2, c + 16 * ldc, 4 * ldc);
    TILE_STORE(3, c + 16 * ldc + 16, 4 * ldc);
}

// The innermost instructions on registers; answers how many multiplications they are.
EXPORT int64_t stoa_bf16_spin(int rounds) {
    begin();
    TILE_ZERO(0);
    TILE_ZERO(1);
    TILE_ZERO(2);
    TILE_ZERO(3);
    TILE_ZERO(4);
    TILE_ZERO(5);
    TILE_ZERO(6);
    TILE_ZERO(7);
    for (int i = 0; i < rounds; i++) {
        TILE_DOT_BF16(0, 4, 6);
        TILE_DOT_BF16(1, 4, 7);
        TILE_DOT_BF16(2, 5, 6);
        TILE_DOT_BF16(3, 5, 7);
    }
    end();
    return 4L * rounds * 16 * 16 * 32;
}
