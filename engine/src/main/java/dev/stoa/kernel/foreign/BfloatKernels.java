// SPDX-License-Identifier: Apache-2.0
package dev.stoa.kernel.foreign;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import dev.stoa.tensor.DType;
import dev.stoa.tensor.Tensor;
import java.io.IOException;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandle;

/// The functions of one bfloat16 library (`src/main/c/bf16.h`). Thread-safe. Callers check shapes: C does not.
final class BfloatKernels {
    /// Columns of a panel, and what rows and depths of operands are filled up to.
    static final int PANEL = 32;
    /// Bytes that a product needs beside its operands.
    static final long SCRATCH = 2L * 3 * 256 * 256 + 4L * 512 * (256 + 16);

    private final BfloatVariant variant;
    private final MethodHandle product;
    private final MethodHandle round;
    private final MethodHandle roundTransposed;
    private final MethodHandle spin;
    private final MethodHandle attend;
    private final MethodHandle attendBack;
    private final MethodHandle attentionRoom;

    BfloatKernels(BfloatVariant variant) throws IOException {
        this.variant = variant;
        NativeLibrary library = NativeLibrary.load(variant.file());
        product = library.function("stoa_bf16_product", FunctionDescriptor.ofVoid(JAVA_LONG, JAVA_INT, JAVA_INT, JAVA_INT, JAVA_INT,
                JAVA_INT, JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_INT, JAVA_LONG));
        round = library.function("stoa_bf16_round", FunctionDescriptor.ofVoid(JAVA_LONG, JAVA_LONG, JAVA_INT, JAVA_INT, JAVA_INT,
                JAVA_INT, JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_INT));
        roundTransposed = library.function("stoa_bf16_round_transposed", FunctionDescriptor.ofVoid(JAVA_LONG, JAVA_LONG, JAVA_INT,
                JAVA_INT, JAVA_FLOAT, JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_INT));
        attend = library.function("stoa_bf16_attend", FunctionDescriptor.ofVoid(JAVA_LONG, JAVA_LONG));
        attendBack = library.function("stoa_bf16_attend_back", FunctionDescriptor.ofVoid(JAVA_LONG, JAVA_LONG));
        attentionRoom = library.function("stoa_bf16_attention_room", FunctionDescriptor.of(JAVA_LONG, JAVA_LONG, JAVA_LONG));
        spin = library.function("stoa_bf16_spin", FunctionDescriptor.of(JAVA_LONG, JAVA_INT));
    }

    /// Multiplications of `rounds` repetitions of the innermost instructions on registers.
    long spin(int rounds) {
        try {
            return (long) spin.invokeExact(rounds);
        } catch (Throwable e) {
            throw impossible(e);
        }
    }

    BfloatVariant variant() {
        return variant;
    }

    /// The number of a format that C decodes, or -1.
    static int format(DType dtype) {
        return switch (dtype) {
            case F32 -> 0;
            case BF16 -> 1;
            case F16 -> 2;
            case Q8_0 -> 3;
            case Q4_0 -> 4;
            case Q4_K -> 5;
            case Q6_K -> 6;
            default -> -1;
        };
    }

    /// How many bfloat16 values hold a value of that type: 8 bits each.
    static int pieces(DType dtype) {
        return switch (dtype) {
            case BF16 -> 1;
            case F16, Q4_0 -> 2; // 11 bits; 11 bits of scale times 4
            default -> 3;
        };
    }

    /// Rows [row, last) and panels [from, to) of c (.., columns), whose rows are `stride` floats apart.
    void product(Terms terms, int row, int last, int from, int to, long c, long stride, int columns, boolean add, long scratch) {
        try {
            product.invokeExact(terms.address(), terms.count(), row, last, from, to, c, stride, (long) columns, add ? 1 : 0, scratch);
        } catch (Throwable e) {
            throw impossible(e);
        }
    }

    /// Rows [from, to) of x, and zeros for those that it does not have.
    void round(Tensor x, int from, int to, Operand out) {
        try {
            round.invokeExact(address(x), (long) x.cols(), x.rows(), x.cols(), from, to, out.address(), out.stride(), out.plane(), out.pieces());
        } catch (Throwable e) {
            throw impossible(e);
        }
    }

    /// scale * x, transposed.
    void roundTransposed(Tensor x, float scale, Operand out) {
        try {
            roundTransposed.invokeExact(address(x), (long) x.cols(), x.rows(), x.cols(), scale, out.address(), out.stride(), out.plane(),
                    out.pieces());
        } catch (Throwable e) {
            throw impossible(e);
        }
    }

    /// One key head of one sample, forward or back, with [#attentionRoom] bytes at `room`.
    void attend(long sample, long room, boolean back) {
        try {
            if (back) attendBack.invokeExact(sample, room);
            else attend.invokeExact(sample, room);
        } catch (Throwable e) {
            throw impossible(e);
        }
    }

    /// Bytes that attention over `count` rows needs.
    long attentionRoom(int count, int dim) {
        try {
            return (long) attentionRoom.invokeExact((long) count, (long) dim);
        } catch (Throwable e) {
            throw impossible(e);
        }
    }

    static long address(Tensor tensor) {
        MemorySegment data = tensor.data();
        if (!data.isNative()) throw new IllegalArgumentException("a tensor in native memory is needed, not " + tensor);
        return data.address();
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
