// SPDX-License-Identifier: Apache-2.0
package dev.stoa.adapter;

import java.util.Collections;
import java.util.SortedMap;
import java.util.TreeMap;

/// An immutable adapter in memory. `hash` is the adapter_hash of its content: equal hash, equal effect.
/// `baseHash` is the model_hash it was trained on, or null when the source did not say.
public record Adapter(String hash, String baseHash, SortedMap<TargetId, Delta> entries) {
    public Adapter {
        entries = Collections.unmodifiableSortedMap(new TreeMap<>(entries));
    }

    public long bytes() {
        long sum = 0;
        for (Delta delta : entries.values()) sum += delta.bytes();
        return sum;
    }
}
