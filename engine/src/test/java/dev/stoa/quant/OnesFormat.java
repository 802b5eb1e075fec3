// SPDX-License-Identifier: Apache-2.0
package dev.stoa.quant;

import dev.stoa.tensor.Packing;
import dev.stoa.tensor.Tensor;
import java.util.List;
import java.util.Map;

/// A weight format that only tests know: every module is two rows of three ones.
public final class OnesFormat implements PackedFormat {
    private record Ones() implements Packing {
        @Override
        public String describe() {
            return "ones ";
        }

        @Override
        public long bytes() {
            return 0;
        }

        @Override
        public void decodeRow(long row, float[] out, int at) {
            for (int i = 0; i < 3; i++) out[at + i] = 1;
        }

        @Override
        public Packing from(long row) {
            return this;
        }
    }

    @Override
    public String name() {
        return "ones";
    }

    @Override
    public Tensor assemble(String module, Map<String, Tensor> parts, QuantSpec spec, long[] expected, List<String> issues) {
        return Tensor.packed(new Ones(), 2, 3);
    }
}
