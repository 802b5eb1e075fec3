// SPDX-License-Identifier: Apache-2.0
package dev.stoa.kernel.foreign;

import dev.stoa.kernel.Kernels;
import dev.stoa.kernel.Workers;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.ArrayList;
import java.util.List;

/// C kernels of every instruction set that this build has and this CPU runs, not only the best.
public final class ForeignVariants {
    private ForeignVariants() {}

    public static List<Kernels> open(int threads) {
        List<Kernels> all = new ArrayList<>();
        if (new ForeignProvider().obstacle() != null) return all;
        try {
            for (Variant variant : ForeignProvider.usable()) {
                all.add(new ForeignKernels(Workers.of(threads), NativeParts.of(variant), "test"));
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        return all;
    }

    /// Why the variant of this name does not run here, or null when it does.
    public static String missing(String name) {
        Variant variant = Variant.valueOf(name);
        if (!NativeLibrary.has(variant.file())) return "this build has no C kernels for " + variant.title();
        try {
            if (Variant.of(CpuFeatures.detect()).contains(variant)) return null;
            return "this CPU or its system does not offer " + variant.title();
        } catch (IOException e) {
            return e.getMessage();
        }
    }
}
