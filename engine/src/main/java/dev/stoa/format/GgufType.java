// SPDX-License-Identifier: Apache-2.0
package dev.stoa.format;

import dev.stoa.tensor.DType;
import java.util.Arrays;
import java.util.stream.Collectors;

/// Numbers of the tensor types in a GGUF file (ggml's `enum ggml_type`) and the dtypes they mean here. Numbers that are
/// not listed exist, but cannot be computed with; a file that uses one is refused with the tensor's name.
enum GgufType {
    F32(0, DType.F32), F16(1, DType.F16), Q4_0(2, DType.Q4_0), Q4_1(3, DType.Q4_1), Q5_0(6, DType.Q5_0),
    Q5_1(7, DType.Q5_1), Q8_0(8, DType.Q8_0), Q2_K(10, DType.Q2_K), Q3_K(11, DType.Q3_K), Q4_K(12, DType.Q4_K),
    Q5_K(13, DType.Q5_K), Q6_K(14, DType.Q6_K), IQ4_NL(20, DType.IQ4_NL), IQ4_XS(23, DType.IQ4_XS),
    I8(24, DType.I8), I16(25, DType.I16), I32(26, DType.I32), I64(27, DType.I64), F64(28, DType.F64),
    BF16(30, DType.BF16), MXFP4(39, DType.MXFP4), NVFP4(40, DType.NVFP4);

    private final int id;
    private final DType dtype;

    GgufType(int id, DType dtype) {
        this.id = id;
        this.dtype = dtype;
    }

    int id() {
        return id;
    }

    DType dtype() {
        return dtype;
    }

    /// The type of that number, or null.
    static GgufType of(int id) {
        for (GgufType type : values()) if (type.id == id) return type;
        return null;
    }

    /// The type that stores a dtype, or null when GGUF has none.
    static GgufType of(DType dtype) {
        for (GgufType type : values()) if (type.dtype == dtype) return type;
        return null;
    }

    /// All of them, for error messages.
    static String known() {
        return Arrays.stream(values()).map(type -> type.name() + " (" + type.id + ")").collect(Collectors.joining(", "));
    }
}
