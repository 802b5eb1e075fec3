// SPDX-License-Identifier: Apache-2.0
package dev.stoa.kernel.vector;

import static dev.stoa.kernel.vector.Lanes.F;
import static dev.stoa.kernel.vector.Lanes.L;
import static dev.stoa.kernel.vector.Lanes.LE;
import static dev.stoa.kernel.vector.Lanes.load;

import dev.stoa.tensor.Tensor;
import java.lang.foreign.MemorySegment;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorMask;

/// Cross-entropy and KL of one row of logits at a time, with their gradient; see [dev.stoa.kernel.Gradients#lossRows].
/// Sums run in vectors over blocks of columns and in double over the blocks. One per thread.
final class LossRow {
    private static final int BLOCK = 256 * L;
    private final int vocab;
    private final float[] lanes = new float[L];
    private double nll, kl;
    private int best;

    LossRow(int vocab) {
        this.vocab = vocab;
    }

    double nll() {
        return nll;
    }

    double kl() {
        return kl;
    }

    int best() {
        return best;
    }

    void compute(MemorySegment logits, MemorySegment base, int row, int target, float hard, float soft, boolean gradient) {
        long at = 4L * row * vocab;
        float max = max(logits, at);
        best = first(logits, at, max);
        double sum = sumExp(logits, at, max);
        double lse = max + Math.log(sum), own = logits.get(Tensor.FLOAT, at + 4L * target);
        nll = lse - own;
        kl = 0;
        float baseMax = 0;
        double baseSum = 1;
        if (base != null) {
            baseMax = max(base, at);
            baseSum = sumExp(base, at, baseMax);
            kl = divergence(logits, base, at, baseMax, (float) lse, (float) (baseMax + Math.log(baseSum))) / baseSum;
        }
        if (!gradient) return;
        if (base == null) write(logits, at, max, (float) ((hard + soft) / sum));
        else write(logits, base, at, max, (float) ((hard + soft) / sum), baseMax, (float) (soft / baseSum));
        long spot = at + 4L * target;
        logits.set(Tensor.FLOAT, spot, logits.get(Tensor.FLOAT, spot) - hard);
    }

    private float max(MemorySegment x, long at) {
        FloatVector max = FloatVector.broadcast(F, Float.NEGATIVE_INFINITY);
        int i = 0;
        for (; i + L <= vocab; i += L) max = max.max(load(x, at + 4L * i));
        if (i < vocab) {
            VectorMask<Float> mask = F.indexInRange(i, vocab);
            max = max.max(load(x, at + 4L * i, mask).blend(Float.NEGATIVE_INFINITY, mask.not()));
        }
        max.intoArray(lanes, 0);
        return Lanes.max(lanes, 0);
    }

    /// The lowest index of that value; 0 when no element equals it (NaN).
    private int first(MemorySegment x, long at, float value) {
        int i = 0;
        for (; i <= vocab - L; i += L) {
            VectorMask<Float> found = load(x, at + 4L * i).eq(value);
            if (found.anyTrue()) return i + found.firstTrue();
        }
        if (i == vocab) return 0;
        VectorMask<Float> rest = Lanes.first(vocab - i), found = load(x, at + 4L * i, rest).eq(value).and(rest);
        return found.anyTrue() ? i + found.firstTrue() : 0;
    }

    private double sumExp(MemorySegment x, long at, float max) {
        double sum = 0;
        for (int block = 0; block < vocab; block += BLOCK) {
            sumExpBlock(x, at, max, block, Math.min(vocab, block + BLOCK));
            sum += Lanes.sum(lanes, 0);
        }
        return sum;
    }

    private void sumExpBlock(MemorySegment x, long at, float max, int from, int to) {
        FloatVector sum = FloatVector.zero(F);
        int i = from;
        for (; i + L <= to; i += L) sum = sum.add(Lanes.exp(load(x, at + 4L * i).sub(max)));
        if (i < to) {
            VectorMask<Float> mask = F.indexInRange(i, to);
            sum = sum.add(Lanes.exp(load(x, at + 4L * i, mask).sub(max)), mask);
        }
        sum.intoArray(lanes, 0);
    }

    /// Sum of exp(base - baseMax) * (log q - log p).
    private double divergence(MemorySegment x, MemorySegment base, long at, float baseMax, float lse, float baseLse) {
        double sum = 0;
        for (int block = 0; block < vocab; block += BLOCK) {
            divergenceBlock(x, base, at, baseMax, baseLse, lse, block, Math.min(vocab, block + BLOCK));
            sum += Lanes.sum(lanes, 0);
        }
        return sum;
    }

    private void divergenceBlock(MemorySegment x, MemorySegment base, long at, float baseMax, float baseLse, float lse, int from, int to) {
        FloatVector sum = FloatVector.zero(F);
        for (int i = from; i < to; i += L) {
            VectorMask<Float> mask = F.indexInRange(i, to);
            FloatVector b = load(base, at + 4L * i, mask);
            FloatVector difference = b.sub(baseLse).sub(load(x, at + 4L * i, mask).sub(lse));
            sum = sum.add(Lanes.exp(b.sub(baseMax)).mul(difference), mask);
        }
        sum.intoArray(lanes, 0);
    }

    /// x = scale * exp(x - max).
    private void write(MemorySegment x, long at, float max, float scale) {
        int i = 0;
        for (; i <= vocab - L; i += L) Lanes.exp(load(x, at + 4L * i).sub(max)).mul(scale).intoMemorySegment(x, at + 4L * i, LE);
        if (i == vocab) return;
        VectorMask<Float> mask = Lanes.first(vocab - i);
        Lanes.exp(load(x, at + 4L * i, mask).sub(max)).mul(scale).intoMemorySegment(x, at + 4L * i, LE, mask);
    }

    /// x = scale * exp(x - max) - baseScale * exp(base - baseMax).
    private void write(MemorySegment x, MemorySegment base, long at, float max, float scale, float baseMax, float baseScale) {
        for (int i = 0; i < vocab; i += L) {
            VectorMask<Float> mask = F.indexInRange(i, vocab);
            FloatVector q = Lanes.exp(load(base, at + 4L * i, mask).sub(baseMax)).mul(baseScale);
            Lanes.exp(load(x, at + 4L * i, mask).sub(max)).mul(scale).sub(q).intoMemorySegment(x, at + 4L * i, LE, mask);
        }
    }
}
