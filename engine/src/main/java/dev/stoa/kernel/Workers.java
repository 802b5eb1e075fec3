// SPDX-License-Identifier: Apache-2.0
package dev.stoa.kernel;

/// A fixed set of compute threads; the calling thread is one of them. Concurrent callers take turns; a range
/// must not call back into its own pool.
public interface Workers extends AutoCloseable {
    /// Work on indices [from, to); `worker` in [0, threads) names scratch space.
    interface Range {
        void run(int worker, int from, int to);
    }

    /// A pool of `threads` workers, the caller among them; one thread needs no pool.
    static Workers of(int threads) {
        if (threads < 1) throw new IllegalArgumentException("threads must be at least 1, got " + threads);
        return threads == 1 ? new SingleWorker() : new WorkerPool(threads);
    }

    int threads();

    /// Splits [0, count) into at most `threads` contiguous ranges of at least `grain` and runs them; returns when
    /// all are done. An exception in a range is rethrown here.
    void parallel(int count, int grain, Range work);

    @Override
    void close();
}
