// SPDX-License-Identifier: Apache-2.0
package dev.stoa.model;

import java.util.Map;
import java.util.Set;
import java.util.TreeMap;

/// Names and shapes of the tensors at hand, as far as a family may look at them: names without the prefix of a nested
/// text model. Immutable.
public record TensorDirectory(Map<String, long[]> shapes, Container container) {
    /// What kind of file the tensors come from; conversions differ in what they folded into the weights.
    public enum Container { SAFETENSORS, GGUF }

    public TensorDirectory {
        Map<String, long[]> canonical = new TreeMap<>();
        shapes.forEach((name, shape) -> canonical.put(TensorPlan.stripped(name), shape));
        shapes = canonical;
    }

    /// A directory that knows names only.
    public static TensorDirectory ofNames(Set<String> names) {
        Map<String, long[]> shapes = new TreeMap<>();
        for (String name : names) shapes.put(name, new long[0]);
        return new TensorDirectory(shapes, Container.SAFETENSORS);
    }

    public boolean has(String name) {
        return shapes.containsKey(name);
    }

    public boolean gguf() {
        return container == Container.GGUF;
    }

    /// Whether the files hold an output matrix of their own.
    public boolean hasHead() {
        return has("lm_head.weight");
    }
}
