// SPDX-License-Identifier: Apache-2.0
package dev.stoa.quant;

import dev.stoa.tensor.DType;
import dev.stoa.tensor.Tensor;
import java.util.Arrays;
import java.util.List;
import java.util.Map;

/// JANG: 1 to 8 bits per role of a module, value = scale * q + bias. Either as MLX lays affine weights out (u32 words), or
/// as one byte stream of all n values of a matrix with ceil(n * bits / 8) bytes and ceil(n / group) scales and biases;
/// that form does not say its rows, so it needs the architecture's shape.
public final class Jang implements PackedFormat {
    private static final List<Integer> BITS = List.of(1, 2, 3, 4, 5, 6, 7, 8);

    @Override
    public String name() {
        return "jang";
    }

    @Override
    public Tensor assemble(String module, Map<String, Tensor> parts, QuantSpec spec, long[] expected, List<String> issues) {
        Tensor codes = parts.get("weight");
        Tensor scales = parts.get("scales");
        Tensor biases = parts.get("biases");
        if (biases == null || !Arrays.equals(scales.shape(), biases.shape()) || !Quant.plainFloat(scales) || !Quant.plainFloat(biases)) {
            issues.add(module + ": scales " + scales.describe() + " and biases " + (biases == null ? "missing" : biases.describe())
                    + ", expected two float tensors of one shape");
            return null;
        }
        if (codes.dtype() == DType.U32) {
            MlxGeometry geometry = MlxGeometry.of(module, codes, scales, spec, BITS, expected, issues);
            return geometry == null ? null : Tensor.packed(new AffinePacking(codes.data(), scales, biases, geometry.bits(), geometry.group(),
                    geometry.cols(), 32 * codes.dim(codes.rank() - 1), false, 0), geometry.shape());
        }
        if (codes.dtype() != DType.U8 || spec.group() <= 0 || !BITS.contains(spec.bits())) {
            issues.add(module + ": weight " + codes.describe() + " with " + spec.bits() + " bits and group_size " + spec.group()
                    + ", expected U8 or U32, 1 to 8 bits and a group_size");
            return null;
        }
        if (expected == null) {
            issues.add(module + ": a byte stream says no shape, and the architecture gives none for this module");
            return null;
        }
        long n = Tensor.elements(expected);
        long bytes = BitStream.bytes(n, spec.bits());
        long groups = (n + spec.group() - 1) / spec.group();
        if (codes.elements() != bytes || scales.elements() != groups) {
            issues.add("%s: %d bytes and %d groups, expected %d and %d for %s at %d bits in groups of %d".formatted(module, codes.elements(),
                    scales.elements(), bytes, groups, Arrays.toString(expected), spec.bits(), spec.group()));
            return null;
        }
        int cols = Math.toIntExact(expected[expected.length - 1]);
        return Tensor.packed(new AffinePacking(codes.data(), scales, biases, spec.bits(), spec.group(), cols, 0, true, 0), expected);
    }
}
