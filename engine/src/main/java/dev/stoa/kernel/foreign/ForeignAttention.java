// SPDX-License-Identifier: Apache-2.0
package dev.stoa.kernel.foreign;

import dev.stoa.kernel.Attention;
import dev.stoa.kernel.AttentionRuns;
import dev.stoa.kernel.Shapes;
import dev.stoa.kernel.Workers;
import dev.stoa.tensor.Tensor;
import java.util.concurrent.locks.ReentrantLock;

/// Attention in C: the keys and values of a run of rows are packed once per key head, for all its rows and heads; single rows
/// go straight through. A mutable job that is set up once per call; threads share out key heads, and runs where there are few.
final class ForeignAttention implements Attention, Workers.Range, AutoCloseable {
    /// Columns of a run up to which packing for later calls does not pay.
    private static final int FEW_COLUMNS = 16;
    private static final long GRAIN_FLOATS = 1 << 15;
    private final Workers workers;
    private final NativeAttention kernels;
    private final AttentionSpace[] spaces;
    private final ReentrantLock turn = new ReentrantLock();
    private final AttentionRuns runs = new AttentionRuns();

    // The current call.
    private Tensor q;
    private Tensor out;
    private Row[] rows;
    private int kvHeads;
    private int group;
    private int headDim;
    private float scale;
    private int shares;

    ForeignAttention(Workers workers, NativeAttention kernels) {
        this.workers = workers;
        this.kernels = kernels;
        this.spaces = new AttentionSpace[workers.threads()];
        for (int i = 0; i < spaces.length; i++) spaces[i] = new AttentionSpace();
    }

    @Override
    public void attend(Tensor q, Row[] rows, int heads, int kvHeads, int headDim, float scale, Tensor out) {
        // q, out (T, heads * headDim); keys, values (kvHeads, capacity, headDim)
        Shapes.attend(q, rows, heads, kvHeads, headDim, out);
        if (rows.length == 0) return;
        for (Row row : rows) {
            if (!row.keys().isNative() || !row.values().isNative()) throw new IllegalArgumentException("a cache must be in native memory");
        }
        turn.lock();
        try {
            this.q = q;
            this.out = out;
            this.rows = rows;
            this.kvHeads = kvHeads;
            this.group = heads / kvHeads;
            this.headDim = headDim;
            this.scale = scale;
            runs.cut(rows);
            int heaviest = kvHeads * runs.count();
            shares = heaviest % workers.threads() == 0 ? 1 : workers.threads();
            int count = Math.multiplyExact(heaviest, shares);
            workers.parallel(count, Math.clamp(GRAIN_FLOATS * count / work(), 1, count), this);
        } finally {
            this.q = this.out = null;
            this.rows = null;
            turn.unlock();
        }
    }

    private long work() {
        long tokens = 0;
        for (Row row : rows) tokens += row.length() - row.first();
        return Math.max(1, tokens * kvHeads * group * headDim);
    }

    /// Job: key head, run, share of its rows; the first shares have more rows, since later rows see more.
    @Override
    public void run(int worker, int from, int to) {
        for (int job = from; job < to; job++) {
            int share = job % shares, run = job / shares % runs.count(), head = job / shares / runs.count();
            int start = runs.start(run), count = runs.end(run) - start;
            int first = start + cut(count, share), end = start + cut(count, share + 1);
            if (first < end) share(spaces[worker], first, end, head);
        }
    }

    private int cut(int count, int share) {
        return (int) (count * Math.sqrt((double) share / shares));
    }

    private void share(AttentionSpace space, int from, int to, int head) {
        if ((to - from) * group <= FEW_COLUMNS) {
            for (int row = from; row < to; row++) alone(space, row, head);
            return;
        }
        int low = Integer.MAX_VALUE, high = 0, calm = 0, calmEnd = Integer.MAX_VALUE;
        for (int r = from; r < to; r++) {
            low = Math.min(low, rows[r].first());
            high = Math.max(high, rows[r].length());
            calm = Math.max(calm, rows[r].first());
            calmEnd = Math.min(calmEnd, rows[r].length());
        }
        int origin = low / NativeAttention.BLOCK * NativeAttention.BLOCK;
        int span = Math.ceilDiv(high, NativeAttention.BLOCK) * NativeAttention.BLOCK - origin;
        space.reservePacked(span, headDim);
        Row shared = rows[from];
        long cache = 4L * head * shared.capacity() * headDim;
        if (kernels.packValues(shared.values().address() + cache, headDim, low, high, calm, calmEnd, space.values(), space.half())) {
            // 0 times a value that is no number would reach rows that do not see it
            for (int row = from; row < to; row++) alone(space, row, head);
            return;
        }
        kernels.packKeys(shared.keys().address() + cache, headDim, low, high, space.keys(), space.half());
        space.reserveWork(kernels.work(NativeAttention.MOST_COLUMNS, span, headDim));
        int columns = (to - from) * group;
        for (int first = 0; first < columns; first += NativeAttention.MOST_COLUMNS) {
            int count = Math.min(NativeAttention.MOST_COLUMNS, columns - first);
            for (int c = 0; c < count; c++) column(space, c, from + (first + c) / group, head * group + (first + c) % group);
            kernels.attend(q.data(), out.data(), space, count, origin, headDim, scale);
        }
    }

    private void column(AttentionSpace space, int column, int row, int head) {
        space.column(column, ((long) rows[row].index() * kvHeads * group + head) * headDim, rows[row].first(), rows[row].length());
    }

    private void alone(AttentionSpace space, int index, int head) {
        Row row = rows[index];
        long cache = 4L * head * row.capacity() * headDim;
        int span = Math.ceilDiv(row.length(), NativeAttention.BLOCK) * NativeAttention.BLOCK - row.first() / NativeAttention.BLOCK * NativeAttention.BLOCK;
        for (int first = 0; first < group; first += NativeAttention.MOST_COLUMNS) {
            int count = Math.min(NativeAttention.MOST_COLUMNS, group - first);
            space.reserveWork(kernels.work(count, span, headDim));
            for (int c = 0; c < count; c++) column(space, c, index, head * group + first + c);
            kernels.attendAlone(q.data(), out.data(), space, count, row.keys().address() + cache, row.values().address() + cache, headDim, scale);
        }
    }

    @Override
    public void close() {
        for (AttentionSpace space : spaces) space.close();
    }
}
