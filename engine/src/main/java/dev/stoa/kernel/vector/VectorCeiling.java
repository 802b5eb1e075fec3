// SPDX-License-Identifier: Apache-2.0
package dev.stoa.kernel.vector;

import static dev.stoa.kernel.vector.Lanes.F;
import static dev.stoa.kernel.vector.Lanes.L;
import static dev.stoa.kernel.vector.Lanes.load;

import dev.stoa.kernel.Ceiling;
import java.lang.foreign.MemorySegment;
import jdk.incubator.vector.FloatVector;

/// Twelve chains of vector multiply-adds (two units with a latency of four keep eight busy), and four loads per step.
final class VectorCeiling implements Ceiling {
    private static final int CHAINS = 12;

    @Override
    public int operationsPerRound() {
        return 2 * L * CHAINS;
    }

    @Override
    public float multiplyAdds(int rounds) {
        FloatVector m = FloatVector.broadcast(F, 0.999f);
        FloatVector a = FloatVector.broadcast(F, 1e-9f);
        FloatVector c0 = m, c1 = m, c2 = m, c3 = m, c4 = m, c5 = m, c6 = m, c7 = m, c8 = m, c9 = m, c10 = m, c11 = m;
        for (int i = 0; i < rounds; i++) {
            c0 = c0.fma(m, a);
            c1 = c1.fma(m, a);
            c2 = c2.fma(m, a);
            c3 = c3.fma(m, a);
            c4 = c4.fma(m, a);
            c5 = c5.fma(m, a);
            c6 = c6.fma(m, a);
            c7 = c7.fma(m, a);
            c8 = c8.fma(m, a);
            c9 = c9.fma(m, a);
            c10 = c10.fma(m, a);
            c11 = c11.fma(m, a);
        }
        return c0.add(c1).add(c2).add(c3).add(c4).add(c5).add(c6).add(c7).add(c8).add(c9).add(c10).add(c11).lane(0);
    }

    @Override
    public float read(MemorySegment data, long from, long to) {
        FloatVector a = FloatVector.zero(F), b = a, c = a, d = a;
        for (long at = from; at < to; at += 16L * L) {
            a = a.add(load(data, at));
            b = b.add(load(data, at + 4L * L));
            c = c.add(load(data, at + 8L * L));
            d = d.add(load(data, at + 12L * L));
        }
        return a.add(b).add(c).add(d).lane(0);
    }
}
