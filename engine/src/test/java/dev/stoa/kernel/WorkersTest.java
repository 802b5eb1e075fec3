// SPDX-License-Identifier: Apache-2.0
package dev.stoa.kernel;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicIntegerArray;
import java.util.concurrent.locks.LockSupport;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class WorkersTest {
    @ParameterizedTest
    @ValueSource(ints = {1, 2, 3, 5})
    void everyIndexRunsExactlyOnceOnAnyNumberOfThreads(int threads) {
        try (Workers workers = Workers.of(threads)) {
            for (int count : new int[] {0, 1, 2, 3, 7, 64, 1000}) {
                AtomicIntegerArray seen = new AtomicIntegerArray(count);
                workers.parallel(count, 1, (worker, from, to) -> {
                    assertThat(worker).isBetween(0, threads - 1);
                    for (int i = from; i < to; i++) seen.incrementAndGet(i);
                });
                for (int i = 0; i < count; i++) assertThat(seen.get(i)).isEqualTo(1);
            }
        }
    }

    @Test
    void rangesAreNotSmallerThanTheGrain() {
        try (Workers workers = Workers.of(4)) {
            AtomicInteger smallest = new AtomicInteger(Integer.MAX_VALUE);
            AtomicInteger ranges = new AtomicInteger();
            workers.parallel(100, 40, (worker, from, to) -> {
                ranges.incrementAndGet();
                smallest.accumulateAndGet(to - from, Math::min);
            });
            assertThat(smallest.get()).isGreaterThanOrEqualTo(40);
            assertThat(ranges.get()).isEqualTo(2);
        }
    }

    @Test
    void anExceptionOfAnyRangeReachesTheCallerAndThePoolGoesOn() {
        try (Workers workers = Workers.of(2)) {
            for (int bad = 0; bad < 2; bad++) {
                int failing = bad;
                assertThatThrownBy(() -> workers.parallel(2, 1, (worker, from, to) -> {
                    if (worker == failing) throw new ArithmeticException("worker " + worker);
                })).isInstanceOf(ArithmeticException.class).hasMessage("worker " + failing);
            }
            AtomicInteger sum = new AtomicInteger();
            workers.parallel(10, 1, (worker, from, to) -> sum.addAndGet(to - from));
            assertThat(sum.get()).isEqualTo(10);
        }
    }

    @Test
    void sleepingWorkersWakeUpAndConcurrentCallersTakeTurns() throws InterruptedException {
        try (Workers workers = Workers.of(3)) {
            AtomicInteger inside = new AtomicInteger();
            AtomicInteger overlaps = new AtomicInteger();
            AtomicInteger done = new AtomicInteger();
            Thread[] callers = new Thread[4];
            for (int c = 0; c < callers.length; c++) {
                callers[c] = Thread.ofPlatform().start(() -> {
                    for (int i = 0; i < 50; i++) {
                        if (i % 10 == 0) LockSupport.parkNanos(300_000); // long enough for the workers to park
                        workers.parallel(3, 1, (worker, from, to) -> {
                            if (worker == 0 && inside.incrementAndGet() != 1) overlaps.incrementAndGet();
                            done.incrementAndGet();
                            if (worker == 0) inside.decrementAndGet();
                        });
                    }
                });
            }
            for (Thread caller : callers) caller.join();
            assertThat(done.get()).isEqualTo(4 * 50 * 3);
            assertThat(overlaps.get()).isZero();
        }
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 2})
    void callingBackIntoThePoolIsRefusedInsteadOfHanging(int threads) {
        try (Workers workers = Workers.of(threads)) {
            assertThatThrownBy(() -> workers.parallel(1, 1, (worker, from, to) ->
                    workers.parallel(1, 1, (inner, first, last) -> {}))).isInstanceOf(IllegalStateException.class);
        }
    }

    @Test
    void aClosedPoolRefusesWorkAndClosesTwice() {
        Workers workers = Workers.of(2);
        workers.close();
        workers.close();
        assertThatThrownBy(() -> workers.parallel(1, 1, (worker, from, to) -> {})).isInstanceOf(IllegalStateException.class);
        assertThatThrownBy(() -> Workers.of(0)).isInstanceOf(IllegalArgumentException.class);
    }
}
