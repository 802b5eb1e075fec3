// SPDX-License-Identifier: Apache-2.0
package dev.stoa.kernel.vector;

import java.lang.foreign.MemorySegment;
import java.nio.ByteOrder;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorMask;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorSpecies;

/// The vector width of this process and the few operations everyone shares.
///
/// C2 compiles vectors well only for species that are constants, so the width is chosen once: the widest the CPU
/// prefers, or 128, 256 or 512 bits by the system property `stoa.vector.bits`.
///
/// Nothing here may change its bits when the JIT kicks in: no `reduceLanes` on floats (its order is unspecified and
/// differs between interpreter and C2), no `lanewise(EXP)` (replaced by another function when compiled).
final class Lanes {
    static final VectorSpecies<Float> F = species(Integer.getInteger("stoa.vector.bits", 0));
    /// Lanes per vector: 16, 8 or 4.
    static final int L = F.length();
    /// As many ints.
    static final VectorSpecies<Integer> INTS = F.withLanes(int.class);
    static final ByteOrder LE = ByteOrder.LITTLE_ENDIAN;

    private static final float LOG2_E = 1.442695041f;
    private static final float LN2_HIGH = 0.693359375f;
    private static final float LN2_LOW = -2.12194440e-4f;
    private static final float ROUNDER = 12_582_912; // 1.5 * 2^23: adding it leaves the nearest integer in the low bits
    private static final float EXP_MIN = -87;
    private static final float EXP_MAX = 88.72f;

    private Lanes() {}

    private static VectorSpecies<Float> species(int bits) {
        return switch (bits) {
            case 0 -> FloatVector.SPECIES_PREFERRED;
            case 128 -> FloatVector.SPECIES_128;
            case 256 -> FloatVector.SPECIES_256;
            case 512 -> FloatVector.SPECIES_512;
            default -> throw new IllegalArgumentException("stoa.vector.bits must be 128, 256 or 512, is " + bits);
        };
    }

    static FloatVector load(MemorySegment data, long byteOffset) {
        return FloatVector.fromMemorySegment(F, data, byteOffset, LE);
    }

    static FloatVector load(MemorySegment data, long byteOffset, VectorMask<Float> mask) {
        return FloatVector.fromMemorySegment(F, data, byteOffset, LE, mask);
    }

    /// The first `count` lanes.
    static VectorMask<Float> first(int count) {
        return F.indexInRange(0, count);
    }

    /// The lanes stored at lanes[at ..], summed as a balanced tree: the same bits in every tier.
    static float sum(float[] lanes, int at) {
        return switch (L) {
            case 16 -> sum8(lanes, at) + sum8(lanes, at + 8);
            case 8 -> sum8(lanes, at);
            default -> (lanes[at] + lanes[at + 1]) + (lanes[at + 2] + lanes[at + 3]);
        };
    }

    private static float sum8(float[] v, int at) {
        return ((v[at] + v[at + 1]) + (v[at + 2] + v[at + 3])) + ((v[at + 4] + v[at + 5]) + (v[at + 6] + v[at + 7]));
    }

    static float max(float[] lanes, int at) {
        float max = lanes[at];
        for (int i = 1; i < L; i++) max = Math.max(max, lanes[at + i]);
        return max;
    }

    /// e^x within 2 ulp (Cephes expf: x = n ln 2 + r, polynomial in r, exponent shifted by n).
    /// Below -87 it is 0, above 88.72 infinite; NaN stays NaN.
    static FloatVector exp(FloatVector x) {
        FloatVector shifted = x.fma(FloatVector.broadcast(F, LOG2_E), FloatVector.broadcast(F, ROUNDER));
        FloatVector n = shifted.sub(ROUNDER);
        FloatVector r = n.fma(FloatVector.broadcast(F, -LN2_HIGH), x);
        r = n.fma(FloatVector.broadcast(F, -LN2_LOW), r);
        FloatVector p = FloatVector.broadcast(F, 1.9875691500e-4f);
        p = p.fma(r, FloatVector.broadcast(F, 1.3981999507e-3f));
        p = p.fma(r, FloatVector.broadcast(F, 8.3334519073e-3f));
        p = p.fma(r, FloatVector.broadcast(F, 4.1665795894e-2f));
        p = p.fma(r, FloatVector.broadcast(F, 1.6666665459e-1f));
        p = p.fma(r, FloatVector.broadcast(F, 5.0000001201e-1f));
        p = p.fma(r.mul(r), r).add(1);
        FloatVector scaled = p.reinterpretAsInts()
                .add(shifted.reinterpretAsInts().lanewise(VectorOperators.LSHL, 23)).reinterpretAsFloats();
        return scaled.blend(0, x.lt(EXP_MIN)).blend(Float.POSITIVE_INFINITY, x.compare(VectorOperators.GT, EXP_MAX))
                .blend(x, x.test(VectorOperators.IS_NAN));
    }
}
