// SPDX-License-Identifier: Apache-2.0
package dev.stoa.quant;

import dev.stoa.tensor.DType;
import dev.stoa.tensor.Packing;
import dev.stoa.tensor.Tensor;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.List;
import java.util.Map;

/// value = code * scale with small floats for both: E2M1 (4 bits) or E4M3 (8 bits) codes in words, low bits first, and one
/// scale byte per group of columns, E8M0 or E4M3. `first` is the row that row 0 stands for.
record FloatPacking(String name, MemorySegment codes, MemorySegment scales, int bits, int group, int cols, boolean powersOfTwo,
        long first) implements Packing {
    @Override
    public String describe() {
        return name + " ";
    }

    @Override
    public long bytes() {
        return codes.byteSize() + scales.byteSize();
    }

    @Override
    public Packing from(long row) {
        return new FloatPacking(name, codes, scales, bits, group, cols, powersOfTwo, first + row);
    }

    @Override
    public void decodeRow(long row, float[] out, int at) {
        long index = first + row;
        int[] q = new int[group];
        for (int g = 0; g < cols / group; g++) {
            BitStream.unpack(codes, (index * cols + (long) g * group) * bits, bits, q, 0, group);
            int code = scales.get(ValueLayout.JAVA_BYTE, index * (cols / group) + g) & 255;
            float scale = powersOfTwo ? SmallFloats.e8m0(code) : SmallFloats.e4m3(code);
            for (int i = 0; i < group; i++) {
                out[at + g * group + i] = (bits == 4 ? SmallFloats.e2m1(q[i]) : SmallFloats.e4m3(q[i])) * scale;
            }
        }
    }

    /// One matrix from `weight` (…, N, words) u32 and `scales` (…, N, groups) u8.
    static Tensor assemble(String name, String module, Map<String, Tensor> parts, QuantSpec spec,
            int bits, int group, boolean powersOfTwo, long[] expected, List<String> issues) {
        Tensor words = parts.get("weight");
        Tensor scales = parts.get("scales");
        int before = issues.size();
        if (parts.containsKey("biases")) issues.add(module + ": biases beside " + name + " scales, which has none");
        if (scales.dtype() != DType.U8) issues.add(module + ": scales are " + scales.describe() + ", expected U8 for " + name);
        if (spec.group() > 0 && spec.group() != group) issues.add(module + ": group_size " + spec.group() + ", expected " + group + " for " + name);
        if (issues.size() > before) return null;
        MlxGeometry geometry = MlxGeometry.of(module, words, scales, spec, List.of(bits), expected, issues);
        if (geometry == null) return null;
        return Tensor.packed(new FloatPacking(name, words.data(), scales.data(), bits, group, geometry.cols(), powersOfTwo, 0),
                geometry.shape());
    }
}
