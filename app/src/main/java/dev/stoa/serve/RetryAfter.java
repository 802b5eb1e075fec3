// SPDX-License-Identifier: Apache-2.0
package dev.stoa.serve;

import java.util.function.IntSupplier;
import java.util.function.LongSupplier;

/// How many seconds a refused client should wait: the work in flight over the rate of finished requests, 1 to 60.
/// The rate is an exponential average over the calls. Thread-safe.
final class RetryAfter implements IntSupplier {
    private static final double HALF_LIFE_SECONDS = 20;
    private final IntSupplier inFlight;
    private final LongSupplier finished;
    private final LongSupplier nanoClock;
    private long lastFinished;
    private long lastNanos;
    private double rate;

    RetryAfter(IntSupplier inFlight, LongSupplier finished, LongSupplier nanoClock) {
        this.inFlight = inFlight;
        this.finished = finished;
        this.nanoClock = nanoClock;
        this.lastNanos = nanoClock.getAsLong();
    }

    @Override
    public synchronized int getAsInt() {
        long now = nanoClock.getAsLong();
        double elapsed = (now - lastNanos) / 1e9;
        if (elapsed >= 0.1) {
            long done = finished.getAsLong();
            double keep = Math.pow(0.5, elapsed / HALF_LIFE_SECONDS);
            double current = (done - lastFinished) / elapsed;
            rate = lastFinished == 0 && rate == 0 ? current : keep * rate + (1 - keep) * current;
            lastFinished = done;
            lastNanos = now;
        }
        if (rate <= 0) return inFlight.getAsInt() == 0 ? 1 : 5;
        return (int) Math.clamp(Math.ceil(inFlight.getAsInt() / rate), 1, 60);
    }
}
