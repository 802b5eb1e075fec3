// SPDX-License-Identifier: Apache-2.0
package dev.stoa.quant;

import dev.stoa.tensor.DType;
import dev.stoa.tensor.Tensor;
import java.util.Arrays;
import java.util.List;

/// Bits, group and shape of one MLX module, derived from the shapes of its packed words (rows, words) and of its scales
/// (rows, groups), never from names: bits = 32 words / (groups * group). The config must agree with what was found.
record MlxGeometry(int bits, int group, long[] shape) {
    /// The geometry, or null after adding to `issues` what is wrong. `group` is the config's; `allowed` are the bits that
    /// the format has.
    static MlxGeometry of(String module, Tensor words, Tensor scales, QuantSpec spec, List<Integer> allowed, long[] expected,
            List<String> issues) {
        int before = issues.size();
        if (words.dtype() != DType.U32) issues.add(module + ".weight is " + words.describe() + ", expected U32 beside scales");
        if (words.rank() < 2 || words.rank() != scales.rank()
                || !Arrays.equals(words.shape(), 0, words.rank() - 1, scales.shape(), 0, words.rank() - 1)) {
            issues.add(module + ": weight " + words.describe() + " and scales " + scales.describe() + " have different rows");
        }
        if (spec.group() <= 0) {
            issues.add(module + ": the quantization block gives no group_size, so " + (spec.bits() > 0 ? spec.bits() : "its")
                    + " bits cannot be checked; expected group_size");
        }
        if (issues.size() > before) return null;
        long wordCount = words.dim(words.rank() - 1);
        long groups = scales.dim(scales.rank() - 1);
        long cols = groups * spec.group();
        if (cols <= 0 || 32 * wordCount % cols != 0 || !allowed.contains((int) Math.min(99, 32 * wordCount / cols))) {
            issues.add("%s: %d words and %d groups of %d columns make %.3f bits per value, expected one of %s".formatted(
                    module, wordCount, groups, spec.group(), 32.0 * wordCount / cols, allowed));
            return null;
        }
        int bits = (int) (32 * wordCount / cols);
        if (spec.bits() > 0 && spec.bits() != bits) {
            issues.add(module + ": " + bits + " bits in the file, " + spec.bits() + " in the config");
        }
        long[] shape = words.shape();
        shape[shape.length - 1] = cols;
        if (expected != null && !Arrays.equals(shape, expected)) {
            issues.add(module + ": the packed shape " + Arrays.toString(shape) + " is not the " + Arrays.toString(expected) + " of the model");
        }
        return issues.size() > before ? null : new MlxGeometry(bits, spec.group(), shape);
    }

    int cols() {
        return Math.toIntExact(shape[shape.length - 1]);
    }
}
