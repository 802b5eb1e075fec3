// SPDX-License-Identifier: Apache-2.0
package dev.stoa.quant;

import dev.stoa.EngineFault;
import dev.stoa.Fault;
import dev.stoa.tensor.DType;
import dev.stoa.tensor.Scope;
import dev.stoa.tensor.Tensor;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.EnumMap;
import java.util.Map;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/// The registry of weight formats, and whole-tensor conversions.
public final class Quant {
    static final ValueLayout.OfShort SHORT = ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    static final ValueLayout.OfInt INT = ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final float LARGEST_HALF = 65_504;
    private static final int INFINITE_HALF = 0x7c00;
    private static final Map<DType, QuantFormat> FORMATS = new EnumMap<>(Stream.of(
                    new F32(), new F16(), new BF16(), new Q8_0(), new Q4_0(), new Q4_K(), new Q5_K(), new Q6_K(), new MXFP4(),
                    new NVFP4(), new Q4_1(), new Q5_0(), new Q5_1(), new Q2_K(), new Q3_K(), new IQ4_NL(), new IQ4_XS())
            .collect(Collectors.toMap(QuantFormat::dtype, format -> format)));

    private Quant() {}

    /// Whether weights of this type can be computed with.
    public static boolean supports(DType dtype) {
        return dtype == DType.PACKED || FORMATS.containsKey(dtype);
    }

    /// Refuses a tensor that cannot be decoded.
    public static void requireSupported(Tensor tensor) {
        if (tensor.packing() == null) format(tensor.dtype());
    }

    public static QuantFormat format(DType dtype) {
        QuantFormat format = FORMATS.get(dtype);
        if (format == null) {
            throw Fault.of(EngineFault.UNSUPPORTED_DTYPE, "weights of this type cannot be computed with").got(dtype)
                    .expected(FORMATS.keySet()).exception();
        }
        return format;
    }

    /// All values of a tensor of at most 2^31 - 1 elements.
    public static float[] decode(Tensor tensor) {
        if (tensor.packing() != null) {
            float[] all = new float[Math.toIntExact(tensor.elements())];
            for (int row = 0; row < tensor.rows(); row++) tensor.packing().decodeRow(row, all, row * tensor.cols());
            return all;
        }
        QuantFormat format = format(tensor.dtype());
        checkBlocks(tensor.dtype(), tensor.cols());
        float[] values = new float[Math.toIntExact(tensor.elements())];
        format.decode(tensor.data(), 0, values, 0, values.length);
        return values;
    }

    /// Row `row` of the flattened (rows, cols) view into out[from .. from + cols).
    public static void decodeRow(Tensor tensor, int row, float[] out, int from) {
        if (tensor.packing() != null) {
            tensor.packing().decodeRow(row, out, from);
            return;
        }
        QuantFormat format = format(tensor.dtype());
        format.decode(tensor.data(), tensor.dtype().bytes(tensor.cols()) * row, out, from, tensor.cols());
    }

    /// Whether every value is certainly a finite number: of block formats it is when the halves that scale a block are, which
    /// is a small part of the bytes. False where that is not so, or the format has no such halves: then the values decide.
    public static boolean surelyFinite(Tensor tensor) {
        int[] halves = tensor.packing() != null ? new int[0] : halves(tensor.dtype());
        if (halves.length == 0) return false;
        int stride = tensor.dtype().blockBytes();
        long bytes = tensor.bytes();
        for (long block = 0; block < bytes; block += stride) {
            for (int at : halves) if ((tensor.data().get(SHORT, block + at) & INFINITE_HALF) == INFINITE_HALF) return false;
        }
        return true;
    }

    /// Byte offsets of a block's halves. Times whatever integers the block holds they stay far below the largest float.
    private static int[] halves(DType dtype) {
        return switch (dtype) {
            case Q4_0, Q8_0, Q5_0, IQ4_NL -> new int[] {0};
            case Q4_1, Q5_1, Q4_K, Q5_K -> new int[] {0, 2};
            case Q6_K -> new int[] {208};
            case Q2_K -> new int[] {80, 82};
            case Q3_K -> new int[] {108};
            default -> new int[0];
        };
    }

    /// A new tensor in `scope` holding `values` in another format; rows must fill whole blocks.
    public static Tensor encode(float[] values, DType dtype, Scope scope, long... shape) {
        QuantFormat format = format(dtype);
        if (Tensor.elements(shape) != values.length) {
            throw new IllegalArgumentException(values.length + " values for " + Tensor.elements(shape) + " elements");
        }
        if (shape.length > 0) checkBlocks(dtype, shape[shape.length - 1]);
        Tensor tensor = scope.tensor(dtype, shape);
        format.encode(values, 0, values.length, tensor.data(), 0);
        return tensor;
    }

    private static void checkBlocks(DType dtype, long cols) {
        Fault.require(cols % dtype.blockElements() == 0, EngineFault.TENSOR_MISMATCH,
                "rows of %d values do not fill %s blocks of %d", cols, dtype, dtype.blockElements());
    }

    /// The signed value of largest magnitude, the first of equals.
    static float extreme(float[] values, int from, int count) {
        float extreme = 0;
        for (int i = from; i < from + count; i++) {
            if (!Float.isFinite(values[i])) {
                throw Fault.of(EngineFault.NON_FINITE, "value %s at %d cannot be quantized", values[i], i).exception();
            }
            if (Math.abs(values[i]) > Math.abs(extreme)) extreme = values[i];
        }
        return extreme;
    }

    /// Element `index` of a plain float tensor.
    static float scalar(Tensor tensor, long index) {
        return switch (tensor.dtype()) {
            case F32 -> tensor.get(index);
            case F16 -> half(tensor.data(), 2 * index);
            case BF16 -> Float.intBitsToFloat(tensor.data().get(SHORT, 2 * index) << 16);
            default -> throw new IllegalArgumentException("no float tensor: " + tensor.describe());
        };
    }

    static boolean plainFloat(Tensor tensor) {
        return tensor.dtype() == DType.F32 || tensor.dtype() == DType.F16 || tensor.dtype() == DType.BF16;
    }

    /// The f16 at byte `at`.
    static float half(MemorySegment data, long at) {
        return Float.float16ToFloat(data.get(SHORT, at));
    }

    /// A block scale as f16.
    static short scale(float d) {
        Fault.require(Math.abs(d) <= LARGEST_HALF, EngineFault.OUT_OF_RANGE, "block scale %s exceeds half precision", d);
        return Float.floatToFloat16(d);
    }
}
