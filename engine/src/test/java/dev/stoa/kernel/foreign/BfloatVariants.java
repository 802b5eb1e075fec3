// SPDX-License-Identifier: Apache-2.0
package dev.stoa.kernel.foreign;

import dev.stoa.kernel.Kernels;
import dev.stoa.kernel.Workers;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.ArrayList;
import java.util.List;

/// bfloat16 products of every instruction set that this build has and this CPU runs, not only the best.
public final class BfloatVariants {
    private BfloatVariants() {}

    public static List<Kernels> open(int threads) {
        List<Kernels> all = new ArrayList<>();
        if (new ForeignProvider().obstacle() != null) return all;
        try {
            for (BfloatVariant variant : BfloatVariant.usable()) {
                all.add(new ForeignKernels(Workers.of(threads), NativeParts.of(ForeignProvider.usable().getFirst()).with(new BfloatKernels(variant)), "test"));
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        return all;
    }
}
