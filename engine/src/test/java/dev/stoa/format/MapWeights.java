// SPDX-License-Identifier: Apache-2.0
package dev.stoa.format;

import dev.stoa.tensor.Tensor;
import java.util.Map;
import java.util.SortedSet;
import java.util.TreeMap;
import java.util.TreeSet;

/// Named tensors in memory.
record MapWeights(Map<String, Tensor> tensors) implements Weights {
    MapWeights {
        tensors = new TreeMap<>(tensors);
    }

    @Override
    public SortedSet<String> names() {
        return new TreeSet<>(tensors.keySet());
    }

    @Override
    public Tensor find(String name) {
        return tensors.get(name);
    }

    @Override
    public void close() {}
}
