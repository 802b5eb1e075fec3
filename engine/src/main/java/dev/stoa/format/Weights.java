// SPDX-License-Identifier: Apache-2.0
package dev.stoa.format;

import dev.stoa.tensor.Tensor;
import java.util.SortedSet;

/// Named tensors of one model or adapter, usually mapped from files; valid until closed.
public interface Weights extends AutoCloseable {
    SortedSet<String> names();

    /// The tensor, or null when there is none of that name.
    Tensor find(String name);

    @Override
    void close();
}
