// SPDX-License-Identifier: Apache-2.0
package dev.stoa.kernel.vector;

import static dev.stoa.kernel.vector.Lanes.F;
import static dev.stoa.kernel.vector.Lanes.L;
import static dev.stoa.kernel.vector.Lanes.LE;
import static dev.stoa.kernel.vector.Lanes.load;

import dev.stoa.kernel.Rope;
import dev.stoa.kernel.Shapes;
import dev.stoa.kernel.Workers;
import dev.stoa.tensor.Tensor;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorMask;

/// Rotations by cos and sin from a table, computed in double once per position and frequency.
final class VectorRope implements Rope {
    private static final int GRAIN_FLOATS = 1 << 14;
    private static final int FIRST_POSITIONS = 512;
    private final Workers workers;
    /// The table of the last frequencies used, replaced as a whole when it is too short or of another model.
    private volatile Table table = new Table(new double[0], 1, 0, new float[0], new float[0]);

    VectorRope(Workers workers) {
        this.workers = workers;
    }

    private record Table(double[] frequencies, double magnitude, int positions, float[] cos, float[] sin) {
        static Table of(double[] frequencies, double magnitude, int positions) {
            int half = frequencies.length;
            float[] cos = new float[Math.multiplyExact(positions, half)];
            float[] sin = new float[cos.length];
            for (int p = 0; p < positions; p++) {
                for (int i = 0; i < half; i++) {
                    cos[p * half + i] = (float) (Math.cos(p * frequencies[i]) * magnitude);
                    sin[p * half + i] = (float) (Math.sin(p * frequencies[i]) * magnitude);
                }
            }
            return new Table(frequencies.clone(), magnitude, positions, cos, sin);
        }

        boolean covers(double[] wanted, double factor, int last) {
            return last < positions && factor == magnitude && Arrays.equals(wanted, frequencies);
        }
    }

    @Override
    public void rotate(Tensor x, int heads, int headDim, int[] positions, double[] inverseFrequencies, double magnitude,
            int direction) {
        // x (T, heads * headDim), positions (T)
        Shapes.rope(x, heads, headDim, positions, inverseFrequencies, direction);
        Table turns = table(positions, inverseFrequencies, magnitude);
        int half = inverseFrequencies.length;
        int width = heads * headDim;
        int grain = Math.max(1, GRAIN_FLOATS / width);
        if (positions.length <= grain) { // one range: no job to allocate
            rows(x.data(), 0, positions.length, heads, headDim, half, turns, positions, direction);
            return;
        }
        workers.parallel(positions.length, grain, (worker, from, to) -> rows(x.data(), from, to, heads, headDim, half, turns, positions, direction));
    }

    private static void rows(MemorySegment x, int from, int to, int heads, int headDim, int half, Table turns, int[] positions, int direction) {
        for (int t = from; t < to; t++) {
            for (int h = 0; h < heads; h++) turn(x, 4L * ((long) t * heads + h) * headDim, half, turns, positions[t] * half, direction);
        }
    }

    private Table table(int[] positions, double[] frequencies, double magnitude) {
        int last = 0;
        for (int position : positions) last = Math.max(last, position);
        Table current = table;
        if (!current.covers(frequencies, magnitude, last)) {
            current = Table.of(frequencies, magnitude, Math.max(FIRST_POSITIONS, Integer.highestOneBit(last) * 2));
            table = current;
        }
        return current;
    }

    private static void turn(MemorySegment x, long at, int half, Table turns, int entry, float direction) {
        int i = 0;
        for (; i <= half - L; i += L) {
            FloatVector cos = FloatVector.fromArray(F, turns.cos, entry + i);
            FloatVector sin = FloatVector.fromArray(F, turns.sin, entry + i).mul(direction);
            FloatVector a = load(x, at + 4L * i);
            FloatVector b = load(x, at + 4L * (i + half));
            a.mul(cos).sub(b.mul(sin)).intoMemorySegment(x, at + 4L * i, LE);
            b.mul(cos).add(a.mul(sin)).intoMemorySegment(x, at + 4L * (i + half), LE);
        }
        if (i == half) return;
        VectorMask<Float> rest = Lanes.first(half - i);
        FloatVector cos = FloatVector.fromArray(F, turns.cos, entry + i, rest);
        FloatVector sin = FloatVector.fromArray(F, turns.sin, entry + i, rest).mul(direction);
        FloatVector a = load(x, at + 4L * i, rest);
        FloatVector b = load(x, at + 4L * (i + half), rest);
        a.mul(cos).sub(b.mul(sin)).intoMemorySegment(x, at + 4L * i, LE, rest);
        b.mul(cos).add(a.mul(sin)).intoMemorySegment(x, at + 4L * (i + half), LE, rest);
    }
}
