// SPDX-License-Identifier: Apache-2.0
package dev.stoa.tensor;

import java.util.concurrent.atomic.AtomicLong;

/// Counts every off-heap byte in use: active now, peak since the last reset. Thread-safe.
///
/// Memory itself is owned by the scopes opened here; closing a scope returns exactly what it counted.
public final class Ledger {
    private final AtomicLong active = new AtomicLong();
    private final AtomicLong peak = new AtomicLong();
    private final AtomicLong mapped = new AtomicLong();

    /// A new owner of memory; the name appears in reports.
    public Scope scope(String name) {
        return new Scope(this, name);
    }

    public long activeBytes() {
        return active.get();
    }

    public long peakBytes() {
        return peak.get();
    }

    public long mappedBytes() {
        return mapped.get();
    }

    public void resetPeak() {
        peak.set(active.get());
    }

    void add(long bytes) {
        long now = active.addAndGet(bytes);
        if (bytes > 0) peak.accumulateAndGet(now, Math::max);
    }

    void addMapped(long bytes) {
        mapped.addAndGet(bytes);
    }
}
