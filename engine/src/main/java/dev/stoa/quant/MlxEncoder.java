// SPDX-License-Identifier: Apache-2.0
package dev.stoa.quant;

import dev.stoa.EngineFault;
import dev.stoa.Fault;
import dev.stoa.tensor.DType;
import dev.stoa.tensor.Packing;
import dev.stoa.tensor.Scope;
import dev.stoa.tensor.Tensor;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import java.util.List;

/// Encodes rows for the MLX layouts affine (2, 3, 4, 5, 6, 8 bits in groups of 32, 64 or 128), mxfp4 and nvfp4. Each row
/// becomes packed words, scales and, for affine, biases in `scaleType`. Stateless and thread-safe.
public record MlxEncoder(String mode, int bits, int group, DType scaleType) {
    private static final List<Integer> BITS = List.of(2, 3, 4, 5, 6, 8);
    private static final List<Integer> GROUPS = List.of(32, 64, 128);

    public MlxEncoder {
        boolean ok = switch (mode) {
            case "affine" -> BITS.contains(bits) && GROUPS.contains(group) && (scaleType == DType.F32 || scaleType == DType.F16 || scaleType == DType.BF16);
            case "mxfp4" -> bits == 4 && group == 32 && scaleType == DType.U8;
            case "nvfp4" -> bits == 4 && group == 16 && scaleType == DType.U8;
            default -> false;
        };
        if (!ok) {
            throw Fault.of(EngineFault.OUT_OF_RANGE, "weights are not written this way").got(mode + ", " + bits + " bits, groups of " + group + ", " + scaleType)
                    .expected("affine with 2, 3, 4, 5, 6 or 8 bits and groups of 32, 64 or 128; mxfp4; nvfp4").next("choose one of these").exception();
        }
    }

    /// The encoder of that spec; scales of affine in `model`, the model's float type.
    public static MlxEncoder of(QuantSpec spec, DType model) {
        return new MlxEncoder(spec.mode(), spec.bits(), spec.group(), spec.mode().equals("affine") ? model : DType.U8);
    }

    public boolean affine() {
        return mode.equals("affine");
    }

    /// Whether rows of that many columns can be packed.
    public boolean fits(long cols) {
        return cols % group == 0 && cols * bits % 32 == 0 && (!mode.equals("nvfp4") || cols % 32 == 0);
    }

    public long wordBytes(long cols) {
        return cols * bits / 8;
    }

    public long scaleBytes(long cols) {
        return scaleType.bytes(cols / group);
    }

    /// Encodes x[from .. from + cols). Each target may be null when it is not wanted; words must be zero before.
    public void row(float[] x, int from, int cols, MemorySegment words, MemorySegment scales, MemorySegment biases) {
        AffineFit affine = affine() ? new AffineFit(bits, group, scaleType) : null;
        FloatFit floats = affine() ? null : new FloatFit(group, mode.equals("mxfp4"));
        float[] one = new float[1];
        for (int g = 0; g < cols / group; g++) {
            int[] codes;
            if (affine != null) {
                affine.fit(x, from + g * group, group);
                codes = affine.codes;
                one[0] = affine.scale;
                if (scales != null) Quant.format(scaleType).encode(one, 0, 1, scales, scaleType.bytes(g));
                one[0] = affine.bias;
                if (biases != null) Quant.format(scaleType).encode(one, 0, 1, biases, scaleType.bytes(g));
            } else {
                floats.fit(x, from + g * group, group);
                codes = floats.codes;
                if (scales != null) scales.set(ValueLayout.JAVA_BYTE, g, (byte) floats.scaleCode);
            }
            if (words != null) BitStream.pack(codes, 0, group, bits, words, (long) g * group * bits);
        }
    }

    /// The values of w (N, K) after they were packed, as an F32 matrix in `scope`.
    public Tensor roundTrip(Tensor w, Scope scope) {
        Tensor result = scope.tensor(DType.F32, w.shape());
        float[] row = new float[w.cols()];
        float[] decoded = new float[row.length];
        byte[] words = new byte[Math.toIntExact(wordBytes(row.length))];
        byte[] scales = new byte[Math.toIntExact(scaleBytes(row.length))];
        byte[] biases = new byte[scales.length];
        for (int r = 0; r < w.rows(); r++) {
            Quant.decodeRow(w, r, row, 0);
            roundTrip(row, decoded, words, scales, biases);
            MemorySegment.copy(decoded, 0, result.data(), Tensor.FLOAT, (long) r * row.length * Float.BYTES, row.length);
        }
        return result;
    }

    /// Bytes of a packed matrix of `rows` rows, scales and biases included.
    public long bytes(long rows, long cols) {
        return rows * (wordBytes(cols) + (affine() ? 2 : 1) * scaleBytes(cols));
    }

    /// What `row` becomes after it was packed, into `decoded`; the arrays are scratch of the sizes above.
    void roundTrip(float[] row, float[] decoded, byte[] words, byte[] scales, byte[] biases) {
        Arrays.fill(words, (byte) 0);
        MemorySegment codes = MemorySegment.ofArray(words);
        MemorySegment scaleBytes = MemorySegment.ofArray(scales);
        MemorySegment biasBytes = MemorySegment.ofArray(biases);
        row(row, 0, row.length, codes, scaleBytes, affine() ? biasBytes : null);
        long groups = row.length / group;
        Packing packing = affine()
                ? new AffinePacking(codes, new Tensor(scaleBytes, scaleType, groups), new Tensor(biasBytes, scaleType, groups), bits, group, row.length, 0, false, 0)
                : new FloatPacking(mode, codes, scaleBytes, bits, group, row.length, mode.equals("mxfp4"), 0);
        packing.decodeRow(0, decoded, 0);
    }
}
