// SPDX-License-Identifier: Apache-2.0
package dev.stoa.quant;

import dev.stoa.tensor.Tensor;
import java.util.Arrays;
import java.util.List;
import java.util.Map;

/// MLX affine: `weight` (…, N, words) u32, `scales` and `biases` (…, N, groups) in the model's float type, groups of 32, 64
/// or 128 columns; value = scale * q + bias.
public final class MlxAffine implements PackedFormat {
    private static final List<Integer> BITS = List.of(2, 3, 4, 5, 6, 8);
    private static final List<Integer> GROUPS = List.of(32, 64, 128);

    @Override
    public String name() {
        return "affine";
    }

    @Override
    public Tensor assemble(String module, Map<String, Tensor> parts, QuantSpec spec, long[] expected, List<String> issues) {
        Tensor words = parts.get("weight");
        Tensor scales = parts.get("scales");
        Tensor biases = parts.get("biases");
        int before = issues.size();
        if (biases == null) issues.add(module + ": scales without biases, expected both for affine");
        else if (!Arrays.equals(scales.shape(), biases.shape())) {
            issues.add(module + ": scales " + scales.describe() + " and biases " + biases.describe() + " differ in shape");
        } else if (!Quant.plainFloat(scales) || !Quant.plainFloat(biases)) {
            issues.add(module + ": scales " + scales.describe() + " and biases " + biases.describe() + ", expected F32, F16 or BF16");
        }
        if (spec.group() > 0 && !GROUPS.contains(spec.group())) issues.add(module + ": group_size " + spec.group() + ", expected one of " + GROUPS);
        if (issues.size() > before) return null;
        MlxGeometry geometry = MlxGeometry.of(module, words, scales, spec, BITS, expected, issues);
        if (geometry == null) return null;
        long rowBits = 32 * words.dim(words.rank() - 1);
        return Tensor.packed(new AffinePacking(words.data(), scales, biases, geometry.bits(), geometry.group(), geometry.cols(), rowBits,
                false, 0), geometry.shape());
    }
}
