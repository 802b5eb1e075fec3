// SPDX-License-Identifier: Apache-2.0
package dev.stoa.kernel.foreign;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import dev.stoa.kernel.integer.IntegerFormat;
import java.io.IOException;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandle;

/// The functions of one variant's library (`src/main/c/products.h`). Thread-safe. Callers check shapes: C does not.
final class NativeKernels {
    private final Variant variant;
    private final int tileRows;
    private final MethodHandle product;
    private final MethodHandle quantize;

    NativeKernels(Variant variant) throws IOException {
        this.variant = variant;
        NativeLibrary library = NativeLibrary.load(variant.file());
        product = library.critical("stoa_product", FunctionDescriptor.ofVoid(JAVA_INT, JAVA_LONG, JAVA_LONG, JAVA_INT, JAVA_INT,
                JAVA_INT, JAVA_LONG, JAVA_LONG, JAVA_LONG, ADDRESS, JAVA_LONG, JAVA_INT, JAVA_INT));
        quantize = library.critical("stoa_quantize", FunctionDescriptor.ofVoid(JAVA_INT, ADDRESS, JAVA_LONG, JAVA_LONG, JAVA_INT,
                JAVA_INT, JAVA_LONG, JAVA_LONG, JAVA_LONG));
        MethodHandle rows = library.critical("stoa_tile_rows", FunctionDescriptor.of(JAVA_INT));
        try {
            tileRows = (int) rows.invokeExact();
        } catch (Throwable e) {
            throw impossible(e);
        }
    }

    Variant variant() {
        return variant;
    }

    /// Rows of activations that a full tile holds.
    int tileRows() {
        return tileRows;
    }

    /// y[row][16 group + lane] = or += products for groups [from, to) and `rows` rounded rows.
    void product(IntegerFormat format, long weights, int blocks, int from, int to, int rows, Activations x, MemorySegment y,
            long stride, int columns, boolean accumulate) {
        try {
            product.invokeExact(format.ordinal(), weights, (long) blocks, from, to, rows, x.quants(), x.scales(), x.sums(), y,
                    stride, columns, accumulate ? 1 : 0);
        } catch (Throwable e) {
            throw impossible(e);
        }
    }

    /// Rounds rows [from, to) of x, `stride` floats apart, into their tiles; both are multiples of a tile or the end.
    void quantize(IntegerFormat format, MemorySegment x, long stride, int blocks, int from, int to, Activations out) {
        try {
            quantize.invokeExact(format.ordinal(), x, stride, (long) blocks, from, to, out.quants(), out.scales(), out.sums());
        } catch (Throwable e) {
            throw impossible(e);
        }
    }

    /// C throws nothing; what arrives here is the JVM's own.
    static RuntimeException impossible(Throwable e) {
        return switch (e) {
            case RuntimeException runtime -> runtime;
            case Error error -> throw error;
            default -> new IllegalStateException(e);
        };
    }
}
