// SPDX-License-Identifier: Apache-2.0
package dev.stoa.kernel.vector;

import dev.stoa.kernel.Attention;
import dev.stoa.kernel.AttentionRuns;
import dev.stoa.kernel.Shapes;
import dev.stoa.kernel.Workers;
import dev.stoa.tensor.Tensor;
import java.util.concurrent.locks.ReentrantLock;

/// Softmax attention in two passes, all scores and then the weighted values. Neighbouring rows that share a cache (a prompt) go
/// through [AttentionTile] with all heads of a group, the others (decoding sequences) head by head through
/// [AttentionColumn]. Both have the same bits: those of a row depend only on what it sees and on the head size.
///
/// A mutable job that is set up once per call; threads share out key heads and runs of rows.
final class VectorAttention implements Attention, Workers.Range {
    private static final long GRAIN_FLOATS = 1 << 15;
    /// Columns below which a tile would be mostly empty lanes.
    private static final int LEAST_COLUMNS = AttentionTile.COLUMNS / 4;
    private final Workers workers;
    private final Space[] spaces;
    private final ReentrantLock turn = new ReentrantLock();

    // The current call. Jobs per key head of run r are [jobs[r], jobs[r + 1]).
    private Tensor q;
    private Tensor out;
    private Row[] rows;
    private int heads;
    private int kvHeads;
    private int headDim;
    private float scale;
    private final AttentionRuns runs = new AttentionRuns();
    private int[] jobs = new int[2];

    VectorAttention(Workers workers, Space[] spaces) {
        this.workers = workers;
        this.spaces = spaces;
    }

    @Override
    public void attend(Tensor q, Row[] rows, int heads, int kvHeads, int headDim, float scale, Tensor out) {
        // q, out (T, heads * headDim); keys, values (kvHeads, capacity, headDim)
        Shapes.attend(q, rows, heads, kvHeads, headDim, out);
        if (rows.length == 0) return;
        turn.lock();
        try {
            this.q = q;
            this.out = out;
            this.rows = rows;
            this.heads = heads;
            this.kvHeads = kvHeads;
            this.headDim = headDim;
            this.scale = scale;
            long floats = plan();
            int count = Math.multiplyExact(jobs[runs.count()], kvHeads);
            workers.parallel(count, Math.clamp(GRAIN_FLOATS * count / Math.max(1, floats), 1, count), this);
        } finally {
            this.q = this.out = null;
            this.rows = null;
            turn.unlock();
        }
    }

    /// Counts the jobs; answers the floats of keys that all heads together read.
    private long plan() {
        runs.cut(rows);
        if (jobs.length <= runs.count()) jobs = new int[rows.length + 1];
        for (int run = 0; run < runs.count(); run++) {
            int columns = (runs.end(run) - runs.start(run)) * (heads / kvHeads);
            jobs[run + 1] = jobs[run] + (columns < LEAST_COLUMNS ? columns : Math.ceilDiv(columns, AttentionTile.COLUMNS));
        }
        long floats = 0;
        for (Row row : rows) floats += (long) heads * (row.length() - row.first()) * headDim;
        return floats;
    }

    /// Jobs of one key head follow each other: its keys and values stay in the cache.
    @Override
    public void run(int worker, int from, int to) {
        int perHead = jobs[runs.count()], run = 0;
        for (int job = from; job < to; job++) {
            int kvHead = job / perHead, place = job % perHead;
            if (place < jobs[run]) run = 0;
            while (place >= jobs[run + 1]) run++;
            // Later rows of a prompt see more: taking units from both ends gives equal shares to equal ranges.
            int units = jobs[run + 1] - jobs[run], i = place - jobs[run];
            unit(spaces[worker], run, i % 2 == 0 ? i / 2 : units - 1 - i / 2, kvHead);
        }
    }

    private void unit(Space space, int run, int unit, int kvHead) {
        int group = heads / kvHeads, start = runs.start(run), columns = (runs.end(run) - start) * group;
        if (columns >= LEAST_COLUMNS) {
            int first = unit * AttentionTile.COLUMNS;
            space.tile.run(q, rows, start, first, Math.min(columns, first + AttentionTile.COLUMNS), heads, kvHeads, kvHead, headDim, scale, out);
            return;
        }
        Row row = rows[start + unit / group];
        long query = 4 * ((long) row.index() * heads + kvHead * group + unit % group) * headDim;
        AttentionColumn.run(q.data(), query, row.keys(), row.values(), 4L * kvHead * row.capacity() * headDim, row.first(), row.length(), headDim,
                scale, space, out.data(), query);
    }
}
