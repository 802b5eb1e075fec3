// SPDX-License-Identifier: Apache-2.0
package dev.stoa.kernel.vector;

import dev.stoa.kernel.KernelProvider;
import dev.stoa.kernel.Kernels;
import dev.stoa.kernel.Workers;

/// Offers the Vector API kernels. Touches no vector class itself, so that it can say why it cannot run.
public final class VectorProvider implements KernelProvider {
    @Override
    public String name() {
        return "vector";
    }

    @Override
    public int preference() {
        return 10;
    }

    @Override
    public String obstacle() {
        if (ModuleLayer.boot().findModule("jdk.incubator.vector").isEmpty()) {
            return "the JVM was started without --add-modules jdk.incubator.vector";
        }
        return Lanes.L < 4 ? "this CPU prefers vectors under 128 bits" : null;
    }

    @Override
    public Kernels create(Workers workers, String reason) {
        return new VectorKernels(workers, reason);
    }
}
