// SPDX-License-Identifier: Apache-2.0
package dev.stoa.kernel.foreign;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_FLOAT;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.io.IOException;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandle;

/// The functions of `src/main/c/attention.c`, which says what their operands are. Thread-safe. Callers check shapes: C does not.
final class NativeAttention {
    static final String LIBRARY = "attention";
    /// What the CPU must have.
    static final int FEATURES = CpuFeatures.AVX512_BF16 | CpuFeatures.AMX_BF16;
    static final int MOST_COLUMNS = 128;
    static final int BLOCK = 32;

    private final MethodHandle work;
    private final MethodHandle keys;
    private final MethodHandle values;
    private final MethodHandle packed;
    private final MethodHandle alone;

    /// Attention by AMX tiles, or null where the CPU or this build has none, or `variant` is a lesser one.
    static NativeAttention of(Variant variant) throws IOException {
        boolean wide = variant == Variant.AMX || variant == Variant.AVX512;
        return wide && NativeLibrary.has(LIBRARY) && CpuFeatures.detect().has(FEATURES) ? new NativeAttention() : null;
    }

    private NativeAttention() throws IOException {
        NativeLibrary library = NativeLibrary.load(LIBRARY);
        work = library.critical("stoa_attention_work", FunctionDescriptor.of(JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_LONG));
        keys = library.critical("stoa_attention_keys", FunctionDescriptor.ofVoid(JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_LONG));
        values = library.critical("stoa_attention_values", FunctionDescriptor.of(JAVA_INT, JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_LONG,
                JAVA_LONG, JAVA_LONG, JAVA_LONG));
        packed = library.critical("stoa_attention", FunctionDescriptor.ofVoid(ADDRESS, ADDRESS, JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_LONG,
                JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_FLOAT, JAVA_LONG));
        alone = library.critical("stoa_attention_alone", FunctionDescriptor.ofVoid(ADDRESS, ADDRESS, JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_LONG,
                JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_FLOAT, JAVA_LONG));
    }

    /// Bytes of scratch memory.
    long work(int columns, int span, int dim) {
        try {
            return (long) work.invokeExact((long) columns, (long) span, (long) dim);
        } catch (Throwable e) {
            throw NativeKernels.impossible(e);
        }
    }

    void packKeys(long head, int dim, int from, int to, long out, long half) {
        try {
            keys.invokeExact(head, (long) dim, (long) from, (long) to, out, half);
        } catch (Throwable e) {
            throw NativeKernels.impossible(e);
        }
    }

    /// Whether a value outside [calm, calmEnd) is no finite number.
    boolean packValues(long head, int dim, int from, int to, int calm, int calmEnd, long out, long half) {
        try {
            return (int) values.invokeExact(head, (long) dim, (long) from, (long) to, (long) calm, (long) calmEnd, out, half) != 0;
        } catch (Throwable e) {
            throw NativeKernels.impossible(e);
        }
    }

    void attend(MemorySegment q, MemorySegment out, AttentionSpace space, int columns, int origin, int dim, float scale) {
        try {
            packed.invokeExact(q, out, space.places(), space.firsts(), space.lengths(), (long) columns, space.keys(), space.values(), space.half(),
                    (long) origin, (long) dim, scale, space.work());
        } catch (Throwable e) {
            throw NativeKernels.impossible(e);
        }
    }

    void attendAlone(MemorySegment q, MemorySegment out, AttentionSpace space, int columns, long keys, long values, int dim, float scale) {
        try {
            alone.invokeExact(q, out, space.places(), space.firsts(), space.lengths(), (long) columns, keys, values, (long) dim, scale, space.work());
        } catch (Throwable e) {
            throw NativeKernels.impossible(e);
        }
    }
}
