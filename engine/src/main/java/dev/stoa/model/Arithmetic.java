// SPDX-License-Identifier: Apache-2.0
package dev.stoa.model;

/// What products with block-quantized weights, and attention, are made of.
public enum Arithmetic {
    /// Decoded weights with unrounded rows: for training, whose gradients do not go through rounding, and for comparisons.
    FLOAT,
    /// Integer products where the kernels have them, rows rounded to 8 bits per block (`Matmul.packRounded`): several times
    /// faster, and what GGML computes with such weights. Attention may keep 16 bits of its operands' mantissas. For inference.
    INTEGER
}
