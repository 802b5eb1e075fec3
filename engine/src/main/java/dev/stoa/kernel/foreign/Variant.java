// SPDX-License-Identifier: Apache-2.0
package dev.stoa.kernel.foreign;

import java.util.ArrayList;
import java.util.List;

/// A compiled instruction set, best first. The order of bits is that of `src/main/c/cpu.c`.
enum Variant {
    AVX512("avx512", "AVX-512 VNNI", 4),
    AVX_VNNI("avxvnni", "AVX-VNNI", 2),
    AVX2("avx2", "AVX2", 1),
    I8MM("i8mm", "NEON i8mm", 32),
    DOTPROD("dotprod", "NEON dotprod", 16);

    private final String file;
    private final String title;
    private final int feature;

    Variant(String file, String title, int feature) {
        this.file = file;
        this.title = title;
        this.feature = feature;
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
    static List<Variant> of(int features) {
        List<Variant> usable = new ArrayList<>();
        for (Variant variant : values()) if ((features & variant.feature) != 0) usable.add(variant);
        return usable;
    }
}
