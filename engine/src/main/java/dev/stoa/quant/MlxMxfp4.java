// SPDX-License-Identifier: Apache-2.0
package dev.stoa.quant;

import dev.stoa.tensor.Tensor;
import java.util.List;
import java.util.Map;

/// MLX mxfp4: E2M1 codes in u32 words, one E8M0 scale per 32 columns.
public final class MlxMxfp4 implements PackedFormat {
    @Override
    public String name() {
        return "mxfp4";
    }

    @Override
    public Tensor assemble(String module, Map<String, Tensor> parts, QuantSpec spec, long[] expected, List<String> issues) {
        return FloatPacking.assemble(name(), module, parts, spec, 4, 32, true, expected, issues);
    }
}
