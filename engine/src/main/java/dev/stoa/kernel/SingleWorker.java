// SPDX-License-Identifier: Apache-2.0
package dev.stoa.kernel;

import java.util.concurrent.locks.ReentrantLock;

/// The caller alone: every call is one range on worker 0.
final class SingleWorker implements Workers {
    private final ReentrantLock turn = new ReentrantLock();

    @Override
    public int threads() {
        return 1;
    }

    @Override
    public void parallel(int count, int grain, Range work) {
        if (count <= 0) return;
        if (turn.isHeldByCurrentThread()) throw new IllegalStateException("a range called back into its own pool");
        turn.lock();
        try {
            work.run(0, 0, count);
        } finally {
            turn.unlock();
        }
    }

    @Override
    public void close() {}
}
