// SPDX-License-Identifier: Apache-2.0
package dev.stoa.kernel.foreign;

import java.util.ArrayList;
import java.util.List;

/// A compiled instruction set, best first.
enum Variant {
    AMX("amx", "AMX and AVX-512 VNNI", CpuFeatures.AMX_INT8 | CpuFeatures.AVX512_VNNI),
    AVX512("avx512", "AVX-512 VNNI", CpuFeatures.AVX512_VNNI),
    AVX_VNNI("avxvnni", "AVX-VNNI", CpuFeatures.AVX_VNNI),
    AVX2("avx2", "AVX2", CpuFeatures.AVX2),
    I8MM("i8mm", "NEON i8mm", CpuFeatures.I8MM),
    DOTPROD("dotprod", "NEON dotprod", CpuFeatures.DOTPROD);

    private final String file;
    private final String title;
    private final int needs;

    Variant(String file, String title, int needs) {
        this.file = file;
        this.title = title;
        this.needs = needs;
    }

    /// The library's name without prefix and suffix.
    String file() {
        return file;
    }

    /// For people.
    String title() {
        return title;
    }

    /// What a CPU with these features runs, best first.
    static List<Variant> of(CpuFeatures features) {
        List<Variant> usable = new ArrayList<>();
        for (Variant variant : values()) if (features.has(variant.needs)) usable.add(variant);
        return usable;
    }
}
