// SPDX-License-Identifier: Apache-2.0
package dev.stoa.kernel;

import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import java.util.concurrent.locks.LockSupport;
import java.util.concurrent.locks.ReentrantLock;

/// Dedicated daemon threads and one barrier per call. Both sides spin for about 50 us and then park: a busy model
/// pays no wake-ups between matrices, an idle server uses no CPU.
///
/// Range i always runs on worker i (worker 0 is the caller). Each worker has its own ticket, and only workers that
/// take part in a call get one, so a late sleeper can never see the job of the next call.
final class WorkerPool implements Workers {
    private static final long SPIN_NANOS = 50_000;
    private static final int SPINS_PER_CLOCK = 64;

    private final ReentrantLock turn = new ReentrantLock();
    private final Worker[] workers;
    private final AtomicInteger pending = new AtomicInteger();
    private final AtomicReference<Throwable> failure = new AtomicReference<>();
    private volatile Thread sleeper;
    private volatile boolean closed;
    // The current job: written under the lock before tickets are given, read by workers that hold one.
    private Range work;
    private int count;
    private int parts;

    WorkerPool(int threads) {
        workers = new Worker[threads - 1];
        for (int i = 0; i < workers.length; i++) workers[i] = new Worker(i + 1);
        for (Worker worker : workers) worker.thread.start();
    }

    @Override
    public int threads() {
        return workers.length + 1;
    }

    @Override
    public void parallel(int count, int grain, Range work) {
        if (count <= 0) return;
        if (turn.isHeldByCurrentThread()) throw new IllegalStateException("a range called back into its own pool");
        turn.lock();
        try {
            if (closed) throw new IllegalStateException("the worker pool is closed");
            int parts = Math.max(1, Math.min(threads(), count / Math.max(1, grain)));
            if (parts == 1) {
                work.run(0, 0, count);
            } else {
                runParts(count, parts, work);
            }
        } finally {
            turn.unlock();
        }
    }

    private void runParts(int count, int parts, Range work) {
        this.work = work;
        this.count = count;
        this.parts = parts;
        failure.set(null);
        pending.set(parts - 1);
        for (int i = 0; i < parts - 1; i++) workers[i].give();
        run(0);
        awaitOthers();
        this.work = null;
        switch (failure.get()) {
            case null -> {}
            case RuntimeException e -> throw e;
            case Error e -> throw e;
            case Throwable e -> throw new IllegalStateException(e);
        }
    }

    private void run(int part) {
        try {
            int from = (int) ((long) count * part / parts);
            int to = (int) ((long) count * (part + 1) / parts);
            work.run(part, from, to);
        } catch (Throwable e) { // carried to the caller, which rethrows it
            failure.compareAndSet(null, e);
        }
    }

    private void awaitOthers() {
        long start = System.nanoTime();
        for (int spins = 1; pending.get() != 0; spins++) {
            Thread.onSpinWait();
            if (spins % SPINS_PER_CLOCK == 0 && System.nanoTime() - start > SPIN_NANOS) {
                sleeper = Thread.currentThread();
                while (pending.get() != 0) LockSupport.park(this);
                sleeper = null;
            }
        }
    }

    @Override
    public void close() {
        turn.lock();
        try {
            if (closed) return;
            closed = true;
            for (Worker worker : workers) worker.give();
        } finally {
            turn.unlock();
        }
        for (Worker worker : workers) {
            try {
                worker.thread.join();
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
                return;
            }
        }
    }

    private final class Worker implements Runnable {
        private final int index;
        private final Thread thread;
        private final AtomicInteger ticket = new AtomicInteger();
        private volatile boolean asleep;

        Worker(int index) {
            this.index = index;
            this.thread = Thread.ofPlatform().daemon().name("stoa-worker-" + index).unstarted(this);
        }

        void give() {
            ticket.incrementAndGet();
            if (asleep) LockSupport.unpark(thread);
        }

        @Override
        public void run() {
            for (int seen = 0; ; seen++) {
                await(seen);
                if (closed) return;
                WorkerPool.this.run(index);
                if (pending.decrementAndGet() == 0) {
                    Thread caller = sleeper;
                    if (caller != null) LockSupport.unpark(caller);
                }
            }
        }

        private void await(int seen) {
            long start = System.nanoTime();
            for (int spins = 1; ticket.get() == seen; spins++) {
                Thread.onSpinWait();
                if (spins % SPINS_PER_CLOCK == 0 && System.nanoTime() - start > SPIN_NANOS) {
                    asleep = true;
                    while (ticket.get() == seen) LockSupport.park(WorkerPool.this);
                    asleep = false;
                }
            }
        }
    }
}
