// SPDX-License-Identifier: Apache-2.0
package dev.stoa.format.hub;

import java.io.IOException;
import java.time.Duration;
import java.util.concurrent.ThreadLocalRandom;

/// How long to wait before asking again: 1, 2, 4, 8, 16 s, each ± 20 %, or what the hub asks for up to two minutes; then
/// the failure stands. Progress starts the count again. For one request or file, one thread.
final class Retries {
    private static final int MOST = 5;
    private static final Duration LONGEST = Duration.ofSeconds(120);
    private static final double SPREAD = 0.2;

    /// Lets time pass; throws when the pull was cancelled meanwhile.
    @FunctionalInterface
    interface Pause {
        void await(Duration time) throws IOException, InterruptedException;
    }

    private final Pause pause;
    private int failures;

    Retries(Pause pause) {
        this.pause = pause;
    }

    void progress() {
        failures = 0;
    }

    /// Waits for the next attempt, or throws the failure after the last one.
    void failed(Unavailable failure) throws IOException, InterruptedException {
        if (++failures > MOST) throw new IOException(failure.getMessage() + " (" + failures + " attempts)", failure);
        double seconds = (1 << failures - 1) * (1 + SPREAD * (2 * ThreadLocalRandom.current().nextDouble() - 1));
        Duration wait = Duration.ofMillis((long) (1000 * seconds));
        if (failure.retryAfter() != null) wait = failure.retryAfter().compareTo(LONGEST) > 0 ? LONGEST : failure.retryAfter();
        pause.await(wait);
    }
}
