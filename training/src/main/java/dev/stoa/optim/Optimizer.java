// SPDX-License-Identifier: Apache-2.0
package dev.stoa.optim;

import dev.stoa.tensor.Tensor;
import java.util.List;
import java.util.SortedMap;
import java.util.TreeMap;

/// Changes weights from gradients. State lives in tensors that checkpoints copy out and back in. For one thread.
public sealed interface Optimizer permits AdamW, Muon, Optimizer.Combined {
    /// Update number `update` (from 1, skipped windows not counted) at `factor` times the peak rate, with gradients
    /// multiplied by `gradientScale`.
    void step(long update, double factor, double gradientScale);

    /// The live state tensors by name.
    SortedMap<String, Tensor> state();

    /// Several optimizers, each for its own variables.
    record Combined(List<Optimizer> parts) implements Optimizer {
        public Combined {
            parts = List.copyOf(parts);
        }

        @Override
        public void step(long update, double factor, double gradientScale) {
            for (Optimizer part : parts) part.step(update, factor, gradientScale);
        }

        @Override
        public SortedMap<String, Tensor> state() {
            TreeMap<String, Tensor> all = new TreeMap<>();
            for (Optimizer part : parts) all.putAll(part.state());
            return all;
        }
    }
}
