// SPDX-License-Identifier: Apache-2.0
//
// x86-64 with AVX-512 F, BW, VL and VNNI: 12 rows of activations a pass.
#include "avx512.h"

#define TILE 12

#include "products.h"
