// SPDX-License-Identifier: Apache-2.0
package dev.stoa.kernel.foreign;

import java.util.ArrayList;
import java.util.List;

/// A compiled instruction set, best first.
enum Variant {
    AMX("amx", "AMX and AVX-512 VNNI", CpuFeatures.AMX_INT8 | CpuFeatures.AVX512_VNNI, 32),
    AVX512("avx512", "AVX-512 VNNI", CpuFeatures.AVX512_VNNI, 4),
    AVX_VNNI("avxvnni", "AVX-VNNI", CpuFeatures.AVX_VNNI, 4),
    AVX2("avx2", "AVX2", CpuFeatures.AVX2, 1),
    I8MM("i8mm", "NEON i8mm", CpuFeatures.I8MM, 4),
    DOTPROD("dotprod", "NEON dotprod", CpuFeatures.DOTPROD, 4);

    private final String file;
    private final String title;
    private final int needs;
    private final int rate;

    Variant(String file, String title, int needs, int rate) {
        this.file = file;
        this.title = title;
        this.needs = needs;
        this.rate = rate;
    }

    /// The library's name without prefix and suffix.
    String file() {
        return file;
    }

    /// For people.
    String title() {
        return title;
    }

    /// 8-bit operations in the time of one fp32 multiply-add or addition at full width. Per cycle and Intel core 1,024
    /// multiply-adds in tiles, 128 by dot products, 32 of floats; pairs of 16-bit sums (AVX2) gain little.
    int rate() {
        return rate;
    }

    /// What a CPU with these features runs, best first.
    static List<Variant> of(CpuFeatures features) {
        List<Variant> usable = new ArrayList<>();
        for (Variant variant : values()) if (features.has(variant.needs)) usable.add(variant);
        return usable;
    }
}
