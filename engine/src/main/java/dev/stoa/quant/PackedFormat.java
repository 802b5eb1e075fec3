// SPDX-License-Identifier: Apache-2.0
package dev.stoa.quant;

import dev.stoa.tensor.Tensor;
import java.util.List;
import java.util.Map;

/// A weight format that spreads a matrix over several tensors of a file. Found by `ServiceLoader`; [QuantRegistry] keys
/// them by the word that configs use for them. Stateless and thread-safe.
public interface PackedFormat {
    /// The key, for example `affine`.
    String name();

    /// The logical matrix of one module from its `parts` by leaf name (`weight`, `scales`, `biases`, …), or null after
    /// adding to `issues` what does not fit together; every issue begins with `module`. `expected` is the shape that the
    /// architecture needs, or null when it is not known here.
    Tensor assemble(String module, Map<String, Tensor> parts, QuantSpec spec, long[] expected, List<String> issues);
}
