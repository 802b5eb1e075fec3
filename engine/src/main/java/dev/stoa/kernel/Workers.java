// SPDX-License-Identifier: Apache-2.0
package dev.stoa.kernel;

/// A fixed set of compute threads; the calling thread is one of them. One call at a time per pool.
public interface Workers extends AutoCloseable {
    /// Work on indices [from, to); `worker` in [0, threads) names scratch space.
    interface Range {
        void run(int worker, int from, int to);
    }

    int threads();

    /// Splits [0, count) into at most `threads` contiguous ranges of at least `grain` and runs them; returns when
    /// all are done. An exception in a range is rethrown here.
    void parallel(int count, int grain, Range work);

    @Override
    void close();
}
