// SPDX-License-Identifier: Apache-2.0
package dev.stoa.serve.pipeline;

import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;

/// The traces of the last thousand requests, in memory. Thread-safe.
public final class TraceRing {
    private final int capacity;
    private final LinkedHashMap<String, Trace> traces = new LinkedHashMap<>();

    public TraceRing(int capacity) {
        this.capacity = capacity;
    }

    synchronized void add(Trace trace) {
        traces.remove(trace.requestId());
        traces.put(trace.requestId(), trace);
        while (traces.size() > capacity) traces.remove(traces.keySet().iterator().next());
    }

    /// The trace of a request of this tenant; another tenant's is as good as not there.
    public synchronized Optional<Trace> find(String requestId, String tenant) {
        Trace trace = traces.get(requestId);
        return trace != null && trace.tenant().equals(tenant) ? Optional.of(trace) : Optional.empty();
    }

    /// For diagnosis and tests.
    synchronized Map<String, Trace> all() {
        return new LinkedHashMap<>(traces);
    }
}
