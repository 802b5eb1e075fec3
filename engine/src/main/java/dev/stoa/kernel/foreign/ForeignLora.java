// SPDX-License-Identifier: Apache-2.0
package dev.stoa.kernel.foreign;

import dev.stoa.kernel.Lora;
import dev.stoa.kernel.LowRankPhases;
import dev.stoa.kernel.LowRankPhases.Job;
import dev.stoa.kernel.Shapes;
import dev.stoa.kernel.Workers;
import dev.stoa.quant.Quant;
import dev.stoa.tensor.Ledger;
import dev.stoa.tensor.Scope;
import dev.stoa.tensor.Tensor;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.concurrent.locks.ReentrantLock;

/// Low-rank updates in C. Factors are read where they lie, so mounting an adapter copies nothing.
final class ForeignLora implements Lora, AutoCloseable, LowRankPhases.Products {
    /// Multiply-adds of one call into C, about a millisecond: a thread in such a call delays the garbage collector.
    private static final long PER_CALL = 1 << 24;

    private final NativeLora kernels;
    private final LowRankPhases phases;
    private final int threads;
    /// One call at a time: the phases and the memory below belong to it.
    private final ReentrantLock turn = new ReentrantLock();
    private final Ledger ledger = new Ledger();
    private Scope scope = ledger.scope("low-rank updates");
    /// Rows (i32) and sums u of all jobs, and for each worker some panels of b.
    private MemorySegment rows = MemorySegment.NULL;
    private MemorySegment sums = MemorySegment.NULL;
    private MemorySegment panels = MemorySegment.NULL;
    private long panelBytes;
    private MemorySegment x;
    private Tensor[] ys;

    ForeignLora(Workers workers, NativeLora kernels) {
        this.kernels = kernels;
        this.threads = workers.threads();
        this.phases = new LowRankPhases(workers, this);
    }

    @Override
    public void apply(Tensor x, Segment[][] segments, Tensor[] ys) {
        // x (T, K), ys[m] (T, N), a (R, K), b (N, R)
        Segment[][] read = segments.clone();
        for (int m = 0; m < ys.length; m++) {
            Shapes.lora(x, segments[m], ys[m]);
            read[m] = readable(segments[m]);
        }
        turn.lock();
        try {
            if (!phases.prepare(read, ys)) return;
            this.x = x.data();
            this.ys = ys;
            reserve();
            for (int j = 0; j < phases.jobs(); j++) {
                int[] places = phases.job(j).segment().rows();
                MemorySegment.copy(places, 0, rows, ValueLayout.JAVA_INT, 4L * phases.job(j).rows(), places.length);
            }
            phases.run();
        } finally {
            phases.clear();
            this.x = null;
            this.ys = null;
            turn.unlock();
        }
    }

    /// Factors of other types than C reads are decoded.
    private static Segment[] readable(Segment[] segments) {
        boolean all = true;
        for (Segment segment : segments) all &= NativeLora.reads(segment.a().dtype()) && NativeLora.reads(segment.b().dtype());
        if (all) return segments;
        Segment[] decoded = segments.clone();
        for (int i = 0; i < decoded.length; i++) {
            decoded[i] = new Segment(readable(segments[i].a()), readable(segments[i].b()), segments[i].factor(), segments[i].rows());
        }
        return decoded;
    }

    private static Tensor readable(Tensor factor) {
        return NativeLora.reads(factor.dtype()) ? factor : Tensor.of(Quant.decode(factor), factor.rows(), factor.cols());
    }

    private void reserve() {
        long rowBytes = 4L * phases.rows();
        long sumBytes = 4L * phases.sums();
        long needed = 4L * NativeLora.PANELS * LowRankPhases.PANEL * phases.rank();
        if (rowBytes <= rows.byteSize() && sumBytes <= sums.byteSize() && needed <= panelBytes) return;
        rowBytes = Math.max(rows.byteSize(), 2 * rowBytes);
        sumBytes = Math.max(sums.byteSize(), 2 * sumBytes);
        panelBytes = Math.max(panelBytes, needed);
        scope.close();
        scope = ledger.scope("low-rank updates");
        rows = scope.allocate(rowBytes);
        sums = scope.allocate(sumBytes);
        panels = scope.allocate(panelBytes * threads);
    }

    @Override
    public void down(int worker, Job job, int fromRank, int toRank, int first, int last) {
        kernels.down(job.segment().a(), fromRank, toRank, x, rows.address() + 4L * job.rows(), first, last,
                sums.address() + 4L * job.sums(), job.stride());
    }

    @Override
    public void up(int worker, Job job, int from, int to) {
        Segment segment = job.segment();
        int n = segment.rows().length;
        long perPanel = Math.max(1, (long) n * segment.a().rows() * LowRankPhases.PANEL);
        int step = Math.clamp(PER_CALL / perPanel / NativeLora.PANELS * NativeLora.PANELS, NativeLora.PANELS, 1 << 20);
        for (int panel = from; panel < to; panel += step) {
            kernels.up(segment.b(), panel, Math.min(to, panel + step), sums.address() + 4L * job.sums(), job.stride(),
                    rows.address() + 4L * job.rows(), n, segment.factor(), ys[job.module()].data(), panels.address() + panelBytes * worker);
        }
    }

    @Override
    public void close() {
        scope.close();
    }
}
