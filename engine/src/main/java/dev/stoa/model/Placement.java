// SPDX-License-Identifier: Apache-2.0
package dev.stoa.model;

import com.sun.management.OperatingSystemMXBean;
import dev.stoa.tensor.Tensor;
import java.lang.management.ManagementFactory;
import java.util.Collection;

/// Where a model's matrices are read from while it computes.
public enum Placement {
    /// Copied once into the layout of the kernels: faster, at the price of a second copy beside the file's pages.
    PACKED,
    /// Read where they lie in the mapped file: nothing is copied, and only what is used is ever loaded.
    MAPPED;

    /// The share of physical memory that a packed copy may take.
    private static final double SHARE = 0.4;

    /// PACKED as long as the copy fits comfortably, MAPPED beyond.
    static Placement choose(Collection<Tensor> tensors) {
        long bytes = 0;
        for (Tensor tensor : tensors) bytes += tensor.bytes();
        boolean fits = !(ManagementFactory.getOperatingSystemMXBean() instanceof OperatingSystemMXBean system)
                || bytes <= SHARE * system.getTotalMemorySize();
        return fits ? PACKED : MAPPED;
    }
}
