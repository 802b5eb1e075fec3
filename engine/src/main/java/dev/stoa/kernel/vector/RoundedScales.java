// SPDX-License-Identifier: Apache-2.0
package dev.stoa.kernel.vector;

import static dev.stoa.kernel.vector.Lanes.F;
import static dev.stoa.kernel.vector.Lanes.INTS;
import static dev.stoa.kernel.vector.Lanes.L;
import static dev.stoa.kernel.vector.Lanes.LE;

import java.lang.foreign.MemorySegment;
import jdk.incubator.vector.ByteVector;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorShape;
import jdk.incubator.vector.VectorSpecies;

/// Scales of L rows of a repacked weight as floats, one loop per method: together C2 boxes their vectors.
final class RoundedScales {
    private static final VectorSpecies<Byte> BYTES = VectorSpecies.of(byte.class, VectorShape.forBitSize(Math.max(64, 8 * L)));

    private RoundedScales() {}

    /// Halves, 32 bytes apart from `at` on.
    static void halves(MemorySegment data, long at, int count, float[] out) {
        for (int b = 0; b < count; b++) PanelFormat.halves(data, at + 32L * b).intoArray(out, b * L);
    }

    /// Bytes 0 to 255, `step` apart, times the half of every `per` of them, `parentStep` apart.
    static void unsigned(MemorySegment data, long at, int step, long parents, int parentStep, int per, int count, float[] out) {
        for (int b = 0; b < count; b++) {
            IntVector values = (IntVector) ByteVector.fromMemorySegment(BYTES, data, at + (long) step * b, LE)
                    .convertShape(VectorOperators.ZERO_EXTEND_B2I, INTS, 0);
            FloatVector scale = (FloatVector) values.convert(VectorOperators.I2F, 0);
            PanelFormat.halves(data, parents + (long) (b / per) * parentStep).mul(scale).intoArray(out, b * L);
        }
    }

    /// The same of bytes -128 to 127.
    static void signed(MemorySegment data, long at, int step, long parents, int parentStep, int per, int count, float[] out) {
        for (int b = 0; b < count; b++) {
            FloatVector scale = (FloatVector) ByteVector.fromMemorySegment(BYTES, data, at + (long) step * b, LE)
                    .convertShape(VectorOperators.B2F, F, 0);
            PanelFormat.halves(data, parents + (long) (b / per) * parentStep).mul(scale).intoArray(out, b * L);
        }
    }
}
