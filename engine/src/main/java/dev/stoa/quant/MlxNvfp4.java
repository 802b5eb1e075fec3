// SPDX-License-Identifier: Apache-2.0
package dev.stoa.quant;

import dev.stoa.tensor.Tensor;
import java.util.List;
import java.util.Map;

/// MLX nvfp4: E2M1 codes in u32 words, one E4M3 scale per 16 columns.
public final class MlxNvfp4 implements PackedFormat {
    @Override
    public String name() {
        return "nvfp4";
    }

    @Override
    public Tensor assemble(String module, Map<String, Tensor> parts, QuantSpec spec, long[] expected, List<String> issues) {
        return FloatPacking.assemble(name(), module, parts, spec, 4, 16, false, expected, issues);
    }
}
