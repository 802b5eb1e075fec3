// SPDX-License-Identifier: Apache-2.0
package dev.stoa.kernel.foreign;

import dev.stoa.kernel.KernelProvider;
import dev.stoa.kernel.Kernels;
import dev.stoa.kernel.Workers;
import dev.stoa.kernel.vector.VectorProvider;
import java.io.IOException;
import java.util.List;

/// Offers the C kernels where this build has them and the CPU the instructions.
public final class ForeignProvider implements KernelProvider {
    /// Takes another variant than the best one: `avx2`, `avxvnni`, … For tests on every width.
    private static final String VARIANT = "stoa.foreign.variant";

    @Override
    public String name() {
        return "foreign";
    }

    @Override
    public int preference() {
        return 20;
    }

    @Override
    public String obstacle() {
        String vector = new VectorProvider().obstacle();
        if (vector != null) return vector;
        if (!NativeLibrary.has("cpu")) return "this build has no C kernels for " + NativeLibrary.directory();
        try {
            List<Variant> usable = usable();
            return usable.isEmpty() ? "this CPU has none of the instruction sets that this build has C kernels for" : null;
        } catch (IOException e) {
            return e.getMessage();
        }
    }

    @Override
    public Kernels create(Workers workers, String reason) {
        try {
            return new ForeignKernels(workers, NativeParts.best(usable().getFirst()), reason);
        } catch (IOException e) {
            throw new IllegalStateException("the C kernels vanished after they were found", e);
        }
    }

    /// Variants that this build has and this CPU runs, best first.
    static List<Variant> usable() throws IOException {
        CpuFeatures features = CpuFeatures.detect();
        String wanted = System.getProperty(VARIANT);
        return Variant.of(features).stream().filter(variant -> NativeLibrary.has(variant.file()))
                .filter(variant -> wanted == null || wanted.equals(variant.file())).toList();
    }
}
