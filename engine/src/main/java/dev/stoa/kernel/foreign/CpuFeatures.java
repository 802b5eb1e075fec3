// SPDX-License-Identifier: Apache-2.0
package dev.stoa.kernel.foreign;

import java.io.IOException;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.ValueLayout;

/// What the CPU has and the operating system lets this process use; `bits` are those of `src/main/c/cpu.c`.
record CpuFeatures(int bits) {
    static final int AVX2 = 1;
    static final int AVX_VNNI = 2;
    static final int AVX512_VNNI = 4;
    static final int AVX512_BF16 = 8;
    static final int DOTPROD = 16;
    static final int I8MM = 32;
    static final int AMX_INT8 = 64;
    static final int AMX_BF16 = 128;

    /// Those of this process, from the library `cpu`, which the build must contain. Asks the system for AMX tiles.
    static CpuFeatures detect() throws IOException {
        var function = NativeLibrary.load("cpu").critical("stoa_cpu_features", FunctionDescriptor.of(ValueLayout.JAVA_INT));
        try {
            return new CpuFeatures((int) function.invokeExact());
        } catch (Throwable e) {
            throw new IllegalStateException(e);
        }
    }

    /// Whether all of `wanted` are there.
    boolean has(int wanted) {
        return (bits & wanted) == wanted;
    }
}
