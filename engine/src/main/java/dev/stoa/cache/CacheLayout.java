// SPDX-License-Identifier: Apache-2.0
package dev.stoa.cache;

import dev.stoa.EngineFault;
import dev.stoa.Fault;
import java.util.List;

/// How a stack stores `capacity` tokens that come in passes of at most `chunk`. Modes: `auto` keeps of a windowed layer only
/// what its window can see and everything of the others; `bounded` keeps everything; `rotating` keeps the first [#KEEP] and
/// the newest, `context` in all, where a layer has no window of its own.
public record CacheLayout(String mode, int capacity, int chunk, int context) {
    /// Tokens at the beginning that a rotating cache never forgets: attention rests on them (Xiao et al., 2309.17453).
    public static final int KEEP = 4;
    private static final List<String> MODES = List.of("auto", "bounded", "rotating");

    public CacheLayout {
        checkMode(mode);
        if (capacity < 0 || chunk < 1 || context <= KEEP) {
            throw new IllegalArgumentException("capacity %d, chunk %d, context %d".formatted(capacity, chunk, context));
        }
    }

    /// One slab per layer for `capacity` tokens.
    public static CacheLayout bounded(int capacity) {
        return new CacheLayout("bounded", capacity, Math.max(1, capacity), Integer.MAX_VALUE);
    }

    public static void checkMode(String mode) {
        Fault.require(MODES.contains(mode), EngineFault.OUT_OF_RANGE, "cacheMode = %s, expected one of %s", mode, MODES);
    }

    /// The same for sequences of `tokens` tokens.
    CacheLayout withCapacity(int tokens) {
        return new CacheLayout(mode, tokens, chunk, context);
    }

    /// The mode in which a layer is stored: one that could never forget anything is bounded.
    String modeOf(StateShape shape) {
        int window = shape instanceof KvShape kv ? kv.window() : 0;
        if (window > 0) return !mode.equals("bounded") && ringSlots(window) < capacity ? "sliding" : "bounded";
        return mode.equals("rotating") && (capacity > context || !(shape instanceof KvShape)) ? "rotating" : "bounded";
    }

    int ringSlots(int window) {
        return KvRing.slots(0, window, chunk);
    }

    int rotatingSlots() {
        return KvRing.slots(KEEP, context - KEEP, chunk);
    }
}
