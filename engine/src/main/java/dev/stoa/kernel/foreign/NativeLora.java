// SPDX-License-Identifier: Apache-2.0
package dev.stoa.kernel.foreign;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_FLOAT;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import dev.stoa.tensor.DType;
import dev.stoa.tensor.Tensor;
import java.io.IOException;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandle;

/// The functions of `src/main/c/lora.c` for one instruction set. Thread-safe. Callers check shapes: C does not.
final class NativeLora {
    /// Panels of outputs that share their reading of u.
    static final int PANELS = 4;

    private final MethodHandle down;
    private final MethodHandle up;

    private NativeLora(NativeLibrary library) {
        down = library.critical("stoa_lora_down", FunctionDescriptor.ofVoid(JAVA_INT, ADDRESS, JAVA_LONG, JAVA_INT, JAVA_INT, ADDRESS,
                JAVA_LONG, JAVA_INT, JAVA_INT, JAVA_LONG, JAVA_LONG));
        up = library.critical("stoa_lora_up", FunctionDescriptor.ofVoid(JAVA_INT, ADDRESS, JAVA_INT, JAVA_LONG, JAVA_LONG, JAVA_LONG,
                JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_INT, JAVA_FLOAT, ADDRESS, JAVA_LONG));
    }

    /// Those built beside `variant`, or null when this build has none.
    static NativeLora of(Variant variant) throws IOException {
        String name = "lora-" + variant.file();
        return NativeLibrary.has(name) ? new NativeLora(NativeLibrary.load(name)) : null;
    }

    /// Whether factors of this type are read in place.
    static boolean reads(DType dtype) {
        return dtype == DType.F32 || dtype == DType.F16 || dtype == DType.BF16;
    }

    private static int type(DType dtype) {
        return switch (dtype) {
            case F32 -> 0;
            case F16 -> 1;
            case BF16 -> 2;
            default -> throw new IllegalArgumentException("factors as " + dtype);
        };
    }

    /// u[i][r] = a[r] . x[rows[i]] for i in [first, last), r in [from, to); `rows` and `u` are addresses, u has `stride` floats a row.
    void down(Tensor a, int from, int to, MemorySegment x, long rows, int first, int last, long u, long stride) {
        try {
            down.invokeExact(type(a.dtype()), a.data(), (long) a.cols(), from, to, x, rows, first, last, u, stride);
        } catch (Throwable e) {
            throw impossible(e);
        }
    }

    /// y[rows[i]] += factor * b u[i] for `count` rows and panels [from, to) of 16 outputs; `scratch` has 64 floats for each
    /// rank.
    void up(Tensor b, int from, int to, long u, long stride, long rows, int count, float factor, MemorySegment y, long scratch) {
        try {
            up.invokeExact(type(b.dtype()), b.data(), b.cols(), (long) b.rows(), (long) from, (long) to, u, stride, rows, count, factor, y, scratch);
        } catch (Throwable e) {
            throw impossible(e);
        }
    }

    /// C throws nothing; what arrives here is the JVM's own.
    private static RuntimeException impossible(Throwable e) {
        return switch (e) {
            case RuntimeException runtime -> runtime;
            case Error error -> throw error;
            default -> new IllegalStateException(e);
        };
    }
}
