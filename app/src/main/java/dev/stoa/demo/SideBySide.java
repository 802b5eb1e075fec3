// SPDX-License-Identifier: Apache-2.0
package dev.stoa.demo;

import java.io.IOException;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.BooleanSupplier;

/// Independent pieces of work on a few threads; results in the order of the work, whatever ends first.
final class SideBySide {
    private SideBySide() {}

    /// `stop` turns true once another piece failed: what runs may end early, its result is not used.
    interface Work<T, R> {
        R run(T item, BooleanSupplier stop) throws IOException;
    }

    /// The failure that came first is rethrown once everything has ended; nothing new starts after it.
    static <T, R> List<R> run(int lanes, String threadName, List<T> items, Work<T, R> work) throws IOException {
        AtomicReference<Throwable> failure = new AtomicReference<>();
        BooleanSupplier stop = () -> failure.get() != null;
        List<R> results = new ArrayList<>(Collections.nCopies(items.size(), null));
        try (ExecutorService threads = Executors.newFixedThreadPool(lanes, Thread.ofPlatform().daemon().name(threadName, 0).factory())) {
            for (int i = 0; i < items.size(); i++) {
                int index = i;
                threads.execute(() -> {
                    if (stop.getAsBoolean()) return;
                    try {
                        results.set(index, work.run(items.get(index), stop)); // each index has one writer
                    } catch (Throwable e) { // carried to the caller, which rethrows it
                        failure.compareAndSet(null, e);
                    }
                });
            }
        } // closing waits for all of them
        switch (failure.get()) {
            case null -> {
                return results;
            }
            case IOException e -> throw e;
            case RuntimeException e -> throw e;
            case Error e -> throw e;
            case Throwable e -> throw new IllegalStateException(e);
        }
    }
}
