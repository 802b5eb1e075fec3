// SPDX-License-Identifier: Apache-2.0
package dev.stoa.kernel.foreign;

import java.io.IOException;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;

/// A compiled instruction set for bfloat16 products, best first.
enum BfloatVariant {
    AMX("amx", "AMX"),
    AVX512("avx512bf16", "AVX-512 BF16");

    /// Takes another variant than the best one, or `none`. For tests on every width.
    private static final String CHOICE = "stoa.bfloat.variant";
    /// The bit of `src/main/c/cpu.c` for AVX-512 BF16, which both variants need.
    private static final int FEATURE = 8;

    private final String file;
    private final String title;

    BfloatVariant(String file, String title) {
        this.file = file;
        this.title = title;
    }

    /// The library's name without prefix and suffix.
    String file() {
        return file;
    }

    /// For people.
    String title() {
        return title;
    }

    /// Variants that this build has and this CPU runs, best first.
    static List<BfloatVariant> usable() throws IOException {
        List<BfloatVariant> usable = new ArrayList<>();
        if (!NativeLibrary.has("cpu") || (features() & FEATURE) == 0) return usable;
        String wanted = System.getProperty(CHOICE);
        for (BfloatVariant variant : values()) {
            boolean chosen = wanted == null || wanted.equals(variant.file);
            if (chosen && NativeLibrary.has(variant.file) && variant.permitted()) usable.add(variant);
        }
        return usable;
    }

    /// Asks the operating system for the registers that the variant needs, where it hands them out on demand.
    private boolean permitted() throws IOException {
        return answer(NativeLibrary.load(file), "stoa_bf16_permitted") != 0;
    }

    private static int features() throws IOException {
        return answer(NativeLibrary.load("cpu"), "stoa_cpu_features");
    }

    private static int answer(NativeLibrary library, String name) {
        var function = library.critical(name, FunctionDescriptor.of(ValueLayout.JAVA_INT));
        try {
            return (int) function.invokeExact();
        } catch (Throwable e) {
            throw new IllegalStateException(e);
        }
    }
}
