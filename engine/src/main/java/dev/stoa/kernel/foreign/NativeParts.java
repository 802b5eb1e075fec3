// SPDX-License-Identifier: Apache-2.0
package dev.stoa.kernel.foreign;

import java.io.IOException;
import java.util.List;

/// The C libraries that serve one process. Products are always there; the others are null where this build lacks them or
/// this CPU their instructions.
record NativeParts(NativeKernels products, NativeLora lora, NativeAttention attention, BfloatKernels bfloat) {
    /// What is written for `variant`, and nothing beyond its instructions.
    static NativeParts of(Variant variant) throws IOException {
        return new NativeParts(new NativeKernels(variant), NativeLora.of(variant), NativeAttention.of(variant), null);
    }

    /// The same with what else this CPU can do.
    static NativeParts best(Variant variant) throws IOException {
        List<BfloatVariant> bfloat = BfloatVariant.usable();
        return bfloat.isEmpty() ? of(variant) : of(variant).with(new BfloatKernels(bfloat.getFirst()));
    }

    NativeParts with(BfloatKernels other) {
        return new NativeParts(products, lora, attention, other);
    }
}
