// SPDX-License-Identifier: Apache-2.0
package dev.stoa.kernel.scalar;

import dev.stoa.kernel.KernelProvider;
import dev.stoa.kernel.Kernels;
import dev.stoa.kernel.Workers;

/// Runs everywhere, slowly.
public final class ScalarProvider implements KernelProvider {
    @Override
    public String name() {
        return "scalar";
    }

    @Override
    public int preference() {
        return 0;
    }

    @Override
    public String obstacle() {
        return null;
    }

    @Override
    public Kernels create(Workers workers, String reason) {
        return new ScalarKernels(workers, reason);
    }
}
