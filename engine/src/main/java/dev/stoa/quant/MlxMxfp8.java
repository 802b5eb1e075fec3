// SPDX-License-Identifier: Apache-2.0
package dev.stoa.quant;

import dev.stoa.tensor.Tensor;
import java.util.List;
import java.util.Map;

/// MLX mxfp8: E4M3 codes in u32 words, one E8M0 scale per 32 columns. Read only.
public final class MlxMxfp8 implements PackedFormat {
    @Override
    public String name() {
        return "mxfp8";
    }

    @Override
    public Tensor assemble(String module, Map<String, Tensor> parts, QuantSpec spec, long[] expected, List<String> issues) {
        return FloatPacking.assemble(name(), module, parts, spec, 8, 32, true, expected, issues);
    }
}
