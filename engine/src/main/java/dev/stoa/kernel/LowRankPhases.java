// SPDX-License-Identifier: Apache-2.0
package dev.stoa.kernel;

import dev.stoa.kernel.Lora.Segment;
import dev.stoa.tensor.Tensor;
import java.util.Arrays;

/// Shares out the low-rank updates of one call among workers, in two phases for all modules, adapters and rows at once:
/// u = a x, then y += factor * b u. Threads divide u and y, never a sum. Not thread-safe; reused from call to call.
public final class LowRankPhases {
    /// Rows of a that belong together, and outputs.
    public static final int RANKS = 4;
    public static final int PANEL = 16;
    /// Bytes of factors, and multiply-adds, that make a second thread worth waking.
    private static final long GRAIN_BYTES = 1 << 14;
    private static final long GRAIN_WORK = 1 << 15;
    /// Rows of x of one piece of work where an adapter has many; where it has at most FEW, rows of a are shared out.
    private static final int BLOCK = 24;
    private static final int FEW = 8;

    /// One adapter at one module.
    public static final class Job {
        private Segment segment;
        private int module;
        private int rows;
        private int sums;
        private int units;

        public Segment segment() {
            return segment;
        }

        /// Which of the call's outputs it updates.
        public int module() {
            return module;
        }

        /// Place of its first row among the rows of all jobs.
        public int rows() {
            return rows;
        }

        /// Place of its first sum among the sums of all jobs: u (rows, stride).
        public int sums() {
            return sums;
        }

        public int stride() {
            return (segment.a().rows() + RANKS - 1) / RANKS * RANKS;
        }
    }

    /// The arithmetic. Ranges are those of one worker.
    public interface Products {
        /// u[i][r] = a[r] . x[rows[i]] for r in [fromRank, toRank), i in [first, last).
        void down(int worker, Job job, int fromRank, int toRank, int first, int last);

        /// y[rows[i]][n] += factor * b[n] . u[i] for all rows and outputs of panels [from, to).
        void up(int worker, Job job, int from, int to);
    }

    private final Workers workers;
    private final Products products;
    private final Workers.Range down = this::down;
    private final Workers.Range up = this::up;
    private Job[] jobs = {};
    private int count;
    private int rows;
    private int sums;
    private int rank;
    private int[] panelEnds = {};

    public LowRankPhases(Workers workers, Products products) {
        this.workers = workers;
        this.products = products;
    }

    /// Lists the jobs of a call; false when there is nothing to do.
    public boolean prepare(Segment[][] segments, Tensor[] ys) {
        count = rows = sums = rank = 0;
        for (int m = 0; m < ys.length; m++) {
            if (ys[m].cols() == 0) continue;
            for (Segment segment : segments[m]) {
                if (segment.rows().length > 0) add(segment, m);
            }
        }
        if (panelEnds.length < ys.length) panelEnds = new int[ys.length];
        for (int m = 0, end = 0; m < ys.length; m++) panelEnds[m] = end += (ys[m].cols() + PANEL - 1) / PANEL;
        return count > 0;
    }

    private void add(Segment segment, int module) {
        if (count == jobs.length) {
            jobs = Arrays.copyOf(jobs, Math.max(8, 2 * count));
            for (int i = count; i < jobs.length; i++) jobs[i] = new Job();
        }
        Job job = jobs[count++];
        job.segment = segment;
        job.module = module;
        job.rows = rows;
        job.sums = sums;
        rows += segment.rows().length;
        sums = Math.addExact(sums, Math.multiplyExact(segment.rows().length, job.stride()));
        rank = Math.max(rank, segment.a().rows());
    }

    public int jobs() {
        return count;
    }

    public Job job(int index) {
        return jobs[index];
    }

    /// Rows of all jobs.
    public int rows() {
        return rows;
    }

    /// Floats that the sums of all jobs take.
    public int sums() {
        return sums;
    }

    /// The largest rank.
    public int rank() {
        return rank;
    }

    /// Both phases.
    public void run() {
        int units = 0;
        for (int j = 0; j < count; j++) {
            int n = jobs[j].segment.rows().length;
            units += n > FEW ? (n + BLOCK - 1) / BLOCK : jobs[j].stride() / RANKS;
            jobs[j].units = units;
        }
        workers.parallel(units, grain(units, true), down);
        int panels = panelEnds[jobs[count - 1].module];
        workers.parallel(panels, grain(panels, false), up);
    }

    /// Forgets the call's tensors.
    public void clear() {
        for (int j = 0; j < count; j++) jobs[j].segment = null;
        count = 0;
    }

    /// Units that are worth a thread.
    private int grain(int units, boolean ofA) {
        long bytes = 0;
        long work = 0;
        for (int j = 0; j < count; j++) {
            Tensor factor = ofA ? jobs[j].segment.a() : jobs[j].segment.b();
            bytes += factor.bytes();
            work += factor.elements() * jobs[j].segment.rows().length;
        }
        long threads = Math.max(bytes / GRAIN_BYTES, work / GRAIN_WORK);
        return Math.toIntExact(Math.max(1, units / Math.max(1, threads)));
    }

    private void down(int worker, int from, int to) {
        int start = 0;
        for (int j = 0; j < count && start < to; j++) {
            Job job = jobs[j];
            int first = Math.max(from, start) - start;
            int last = Math.min(to, job.units) - start;
            start = job.units;
            if (first >= last) continue;
            int rank = job.segment.a().rows();
            int n = job.segment.rows().length;
            if (n <= FEW) products.down(worker, job, first * RANKS, Math.min(rank, last * RANKS), 0, n);
            else for (int b = first; b < last; b++) products.down(worker, job, 0, rank, b * BLOCK, Math.min(n, (b + 1) * BLOCK));
        }
    }

    private void up(int worker, int from, int to) {
        for (int j = 0; j < count; j++) {
            int start = jobs[j].module == 0 ? 0 : panelEnds[jobs[j].module - 1];
            int first = Math.max(from, start) - start;
            int last = Math.min(to, panelEnds[jobs[j].module]) - start;
            if (first < last) products.up(worker, jobs[j], first, last);
        }
    }
}
