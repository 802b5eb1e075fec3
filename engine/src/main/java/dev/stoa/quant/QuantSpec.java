// SPDX-License-Identifier: Apache-2.0
package dev.stoa.quant;

/// What a config declares about one quantized module: `mode` is the name of a [PackedFormat], or null when the config does
/// not say; `bits` and `group` are 0 when it does not say.
public record QuantSpec(String mode, int bits, int group) {}
