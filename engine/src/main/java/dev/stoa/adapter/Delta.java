// SPDX-License-Identifier: Apache-2.0
package dev.stoa.adapter;

import dev.stoa.EngineFault;
import dev.stoa.Fault;
import dev.stoa.tensor.Tensor;

/// The change an adapter makes to one module.
public sealed interface Delta {
    long bytes();

    /// One low-rank update of one linear layer: dW = scale * B * A, with a (R, K) and b (N, R).
    record LowRank(Tensor a, Tensor b, double scale) implements Delta {
        public LowRank {
            Fault.require(a.rows() == b.cols(), EngineFault.RANK_MISMATCH,
                    "A has rank %d, B has rank %d", a.rows(), b.cols());
        }

        public int rank() {
            return a.rows();
        }

        @Override
        public long bytes() {
            return a.bytes() + b.bytes();
        }
    }
}
