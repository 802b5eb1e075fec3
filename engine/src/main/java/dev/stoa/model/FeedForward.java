// SPDX-License-Identifier: Apache-2.0
package dev.stoa.model;

import dev.stoa.nn.NormSpec;
import dev.stoa.nn.Nonlinearity;
import dev.stoa.nn.RouterSpec;

/// How a layer transforms each position. One record per kind.
public sealed interface FeedForward {
    /// down(f(gate(x)) * up(x)).
    record Gated(int intermediate, boolean bias, Nonlinearity function) implements FeedForward {
        public Gated(int intermediate, boolean bias) {
            this(intermediate, bias, Nonlinearity.SILU);
        }
    }

    /// down(f(up(x))), with biases.
    record Plain(int intermediate, Nonlinearity function) implements FeedForward {}

    /// Experts, their router, and a shared expert of `sharedIntermediate` (0 for none), behind a gate when `sharedGate`
    /// is set. `path` is the module of the layer that holds them, empty for the layer itself (Gemma 4).
    record Moe(String path, RouterSpec router, int experts, int intermediate, Nonlinearity function, int sharedIntermediate,
            boolean sharedGate) implements FeedForward {
        /// Path of a module among the experts' own, in the layer.
        public String inside(String module) {
            return path.isEmpty() ? module : path + "." + module;
        }

        public String routerPath() {
            return path.isEmpty() ? "router.proj" : path + ".gate";
        }

        public String expertPath(int expert) {
            return inside("experts." + expert);
        }
    }

    /// Both, side by side, each with norms of its own (Gemma 4).
    record DensePlusMoe(Gated dense, Moe moe, NormSpec norm) implements FeedForward {}

    /// Nothing: the layer is its mixer.
    record None() implements FeedForward {}
}
