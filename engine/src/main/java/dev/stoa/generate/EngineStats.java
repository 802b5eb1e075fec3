// SPDX-License-Identifier: Apache-2.0
package dev.stoa.generate;

import dev.stoa.cache.PrefixCache;

/// What an engine holds at one moment between two steps; all but `steps` and `prefix` are zero when nothing runs.
public record EngineStats(
        int running, int waiting, int caches, long cacheBytes, int leases, int permits, long steps, PrefixCache.Stats prefix) {
    static EngineStats ended(long steps) {
        return new EngineStats(0, 0, 0, 0, 0, 0, steps, PrefixCache.Stats.NONE);
    }
}
