// SPDX-License-Identifier: Apache-2.0
package dev.stoa.model;

import dev.stoa.model.CacheCost.Encoding;

/// What a machine of some memory should start with before a model is known (engine-state.md, section 9). Contexts and
/// chunks in tokens; `promptCacheTokens` is the shortest prompt worth keeping on disk, 0 for none; `bits` per weight;
/// `experts` kept resident.
public enum MemoryClass {
    GIB_2(2, 2_048, "rotating", Encoding.K_Q8_V_Q4, 1, 128, 1, 0, 4, 1),
    GIB_4(4, 4_096, "rotating", Encoding.K_Q8_V_Q4, 1, 256, 1, 0, 4, 1),
    GIB_8(8, 8_192, "rotating", Encoding.K_Q8_V_Q4, 1, 512, 1, 0, 4, 2),
    GIB_16(18, 8_192, "rotating", Encoding.K_Q8_V_Q4, 1, 512, 1, 0, 4, 2),
    GIB_24(26, 16_384, "rotating", Encoding.Q8, 1, 768, 1, 4_096, 4, 2),
    GIB_32(40, 32_768, "rotating", Encoding.Q8, 1, 1_024, 1, 4_096, 4, 4),
    GIB_64(80, 65_536, "auto", Encoding.F16, 2, 4_096, 1, 2_048, 4, 8),
    GIB_96(112, 131_072, "auto", Encoding.F16, 4, 4_096, 2, 2_048, 8, 16),
    GIB_128(Integer.MAX_VALUE, 131_072, "auto", Encoding.F16, 6, 4_096, 2, 2_048, 8, 24);

    private static final long GIB = 1L << 30;
    private final int largestGib;
    private final int context;
    private final String cacheMode;
    private final Encoding kv;
    private final int batch;
    private final int prefillChunk;
    private final int slots;
    private final int promptCacheTokens;
    private final int bits;
    private final int experts;

    MemoryClass(int largestGib, int context, String cacheMode, Encoding kv, int batch, int prefillChunk, int slots, int promptCacheTokens, int bits,
            int experts) {
        this.largestGib = largestGib;
        this.context = context;
        this.cacheMode = cacheMode;
        this.kv = kv;
        this.batch = batch;
        this.prefillChunk = prefillChunk;
        this.slots = slots;
        this.promptCacheTokens = promptCacheTokens;
        this.bits = bits;
        this.experts = experts;
    }

    /// The class of `available` bytes, rounded up to whole GiB; 0 or less means unknown, which is the smallest class: a
    /// wrong guess must not fill a machine.
    public static MemoryClass of(long available) {
        long gib = available <= 0 ? 0 : Math.ceilDiv(available, GIB);
        for (MemoryClass one : values()) {
            if (gib <= one.largestGib) return one;
        }
        return GIB_128;
    }

    /// The largest machine of the class.
    public int gib() {
        return largestGib;
    }

    public int context() {
        return context;
    }

    public String cacheMode() {
        return cacheMode;
    }

    public Encoding kv() {
        return kv;
    }

    public int batch() {
        return batch;
    }

    public int prefillChunk() {
        return prefillChunk;
    }

    public int slots() {
        return slots;
    }

    public int promptCacheTokens() {
        return promptCacheTokens;
    }

    public int bits() {
        return bits;
    }

    public int experts() {
        return experts;
    }
}
