// SPDX-License-Identifier: Apache-2.0
package dev.stoa.kernel.scalar;

import dev.stoa.kernel.Ceiling;
import dev.stoa.tensor.Tensor;
import java.lang.foreign.MemorySegment;

/// Plain loops: what Java code without vectors reaches.
final class ScalarCeiling implements Ceiling {
    @Override
    public int operationsPerRound() {
        return 8;
    }

    @Override
    public float multiplyAdds(int rounds) {
        float a = 1;
        float b = 2;
        float c = 3;
        float d = 4;
        for (int i = 0; i < rounds; i++) {
            a = a * 0.999f + 1e-9f;
            b = b * 0.999f + 1e-9f;
            c = c * 0.999f + 1e-9f;
            d = d * 0.999f + 1e-9f;
        }
        return a + b + c + d;
    }

    @Override
    public float read(MemorySegment data, long from, long to) {
        float sum = 0;
        for (long at = from; at < to; at += 4) sum += data.get(Tensor.FLOAT, at);
        return sum;
    }
}
