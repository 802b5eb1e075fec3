// SPDX-License-Identifier: Apache-2.0
package dev.stoa.quant;

import dev.stoa.tensor.DType;
import dev.stoa.tensor.Tensor;
import java.util.Arrays;
import java.util.List;
import java.util.Map;

/// Vector quantization: `indices` into a `codebook` (size, dim) of float vectors; `bits` of the spec is the width of an
/// index, `group` the dimension of a vector, and the config always gives the shape.
public final class Codebook implements PackedFormat {
    private static final List<Integer> BITS = List.of(4, 8, 12, 16);

    @Override
    public String name() {
        return "vq";
    }

    @Override
    public Tensor assemble(String module, Map<String, Tensor> parts, QuantSpec spec, long[] expected, List<String> issues) {
        Tensor indices = parts.get("indices");
        Tensor book = parts.get("codebook");
        int before = issues.size();
        int dim = spec.group();
        if (!BITS.contains(spec.bits())) issues.add(module + ": index_bits " + spec.bits() + ", expected one of " + BITS);
        if (dim < 1 || book.rank() != 2 || book.dim(1) != dim || !Quant.plainFloat(book)) {
            issues.add(module + ": codebook " + book.describe() + ", expected floats of shape [size, " + dim + "]");
        }
        if (expected == null || expected.length < 2 || dim > 0 && expected[expected.length - 1] % dim != 0) {
            issues.add(module + ": shape " + Arrays.toString(expected) + " is not made of vectors of " + dim);
        }
        if (issues.size() > before) return null;
        long count = Tensor.elements(expected) / dim;
        DType type = indices.dtype();
        boolean integers = type == DType.U8 || type == DType.U16 && spec.bits() == 16 || type == DType.U32;
        if (!integers || indices.bytes() < BitStream.bytes(count, spec.bits()) || indices.bytes() > BitStream.bytes(count, spec.bits()) + 3) {
            issues.add("%s: indices %s, expected %d bytes for %d indices of %d bits".formatted(module, indices.describe(),
                    BitStream.bytes(count, spec.bits()), count, spec.bits()));
            return null;
        }
        for (long i = 0; i < count; i++) {
            int index = CodebookPacking.index(indices.data(), spec.bits(), i);
            if (index < book.dim(0)) continue;
            issues.add("%s: index %d is %d, the codebook has %d vectors".formatted(module, i, index, book.dim(0)));
            return null;
        }
        int cols = Math.toIntExact(expected[expected.length - 1]);
        return Tensor.packed(new CodebookPacking(indices.data(), spec.bits(), Quant.decode(book), dim, cols, 0), expected);
    }
}
