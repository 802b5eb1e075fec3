// SPDX-License-Identifier: Apache-2.0
package dev.stoa.kernel.foreign;

import dev.stoa.kernel.SegmentAttention;
import dev.stoa.kernel.Shapes;
import dev.stoa.kernel.Workers;
import dev.stoa.tensor.Ledger;
import dev.stoa.tensor.Scope;
import dev.stoa.tensor.Tensor;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.concurrent.locks.ReentrantLock;

/// Packed causal attention by bfloat16 products in C: factors are rounded, statistics and sums are F32. A task is one sample
/// and one key head, done by one thread, so the number of threads does not show.
final class ForeignSegmentAttention implements SegmentAttention, AutoCloseable {
    /// `struct sample` of `src/main/c/attention.h`.
    private static final long SAMPLE = 17 * 8;
    private final Workers workers;
    private final BfloatKernels kernels;
    private final Ledger ledger = new Ledger();
    private Scope scope = ledger.scope("attention");
    private long[] rooms = new long[0];
    private long capacity = -1;
    private MemorySegment samples;
    /// One call at a time: the rooms belong to it.
    private final ReentrantLock turn = new ReentrantLock();

    ForeignSegmentAttention(Workers workers, BfloatKernels kernels) {
        this.workers = workers;
        this.kernels = kernels;
    }

    @Override
    public void attend(Tensor q, Tensor k, Tensor v, int[] starts, Heads heads, Tensor out, Tensor logSumExp) {
        Shapes.segments(q, k, v, starts, heads, out, logSumExp);
        run(starts, heads, new Tensor[] {q, k, v, out, logSumExp, null, null, null, null}, false);
    }

    @Override
    public void backward(Tensor q, Tensor k, Tensor v, int[] starts, Heads heads, Tensor out, Tensor logSumExp, Tensor dOut,
            Tensor dq, Tensor dk, Tensor dv) {
        Shapes.segments(q, k, v, starts, heads, out, logSumExp);
        Shapes.segments(dq, dk, dv, starts, heads, dOut, logSumExp);
        run(starts, heads, new Tensor[] {q, k, v, out, logSumExp, dOut, dq, dk, dv}, true);
    }

    private void run(int[] starts, Heads heads, Tensor[] tensors, boolean back) {
        int count = starts.length - 1;
        turn.lock();
        try {
            reserve(starts, heads.headDim());
            workers.parallel(count * heads.kvHeads(), 1, (worker, from, to) -> {
                MemorySegment sample = samples.asSlice(worker * SAMPLE, SAMPLE);
                for (int i = from; i < to; i++) {
                    fill(sample, heads, tensors, starts[i % count], starts[i % count + 1], i / count);
                    kernels.attend(sample.address(), rooms[worker], back);
                }
            });
        } finally {
            turn.unlock();
        }
    }

    private void reserve(int[] starts, int dim) {
        int longest = 0;
        for (int i = 1; i < starts.length; i++) longest = Math.max(longest, starts[i] - starts[i - 1]);
        long bytes = kernels.attentionRoom(longest, dim);
        if (bytes <= capacity) return;
        scope.close();
        scope = ledger.scope("attention");
        capacity = -1;
        samples = scope.allocate(SAMPLE * workers.threads());
        rooms = new long[workers.threads()];
        for (int i = 0; i < rooms.length; i++) rooms[i] = scope.allocate(bytes).address();
        capacity = bytes;
    }

    /// The addresses of one sample's first row, at the heads of key head `key`.
    private static void fill(MemorySegment sample, Heads heads, Tensor[] tensors, int start, int end, int key) {
        int group = heads.heads() / heads.kvHeads();
        long queryStride = (long) heads.heads() * heads.headDim(), keyStride = (long) heads.kvHeads() * heads.headDim();
        long query = 4 * (start * queryStride + (long) key * group * heads.headDim()), own = 4 * (start * keyStride + (long) key * heads.headDim());
        long lse = 4 * ((long) start * heads.heads() + (long) key * group);
        long[] offsets = {query, own, own, query, lse, query, query, own, own};
        for (int i = 0; i < offsets.length; i++) {
            sample.set(ValueLayout.JAVA_LONG, 8L * i, tensors[i] == null ? 0 : BfloatKernels.address(tensors[i]) + offsets[i]);
        }
        long[] numbers = {queryStride, keyStride, heads.heads(), group, end - start, heads.headDim(), heads.window(),
                Double.doubleToRawLongBits(heads.scale())};
        for (int i = 0; i < numbers.length; i++) sample.set(ValueLayout.JAVA_LONG, 8L * (offsets.length + i), numbers[i]);
    }

    @Override
    public void close() {
        scope.close();
    }
}
