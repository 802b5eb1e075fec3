// SPDX-License-Identifier: Apache-2.0
package dev.stoa.kernel.foreign;

import java.io.IOException;
import java.util.ArrayList;
import java.util.List;

/// A compiled instruction set for bfloat16 products, best first.
enum BfloatVariant {
    AMX("bf16-amx", "AMX", CpuFeatures.AMX_BF16 | CpuFeatures.AVX512_BF16),
    AVX512("bf16-avx512", "AVX-512 BF16", CpuFeatures.AVX512_BF16);

    /// Takes another variant than the best one, or `none`. For tests on every width.
    private static final String CHOICE = "stoa.bfloat.variant";

    private final String file;
    private final String title;
    private final int features;

    BfloatVariant(String file, String title, int features) {
        this.file = file;
        this.title = title;
        this.features = features;
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
        if (!NativeLibrary.has("cpu")) return usable;
        CpuFeatures here = CpuFeatures.detect();
        String wanted = System.getProperty(CHOICE);
        for (BfloatVariant variant : values()) {
            boolean chosen = wanted == null || wanted.equals(variant.file);
            if (chosen && NativeLibrary.has(variant.file) && here.has(variant.features)) usable.add(variant);
        }
        return usable;
    }
}
