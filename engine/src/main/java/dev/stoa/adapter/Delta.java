// SPDX-License-Identifier: Apache-2.0
package dev.stoa.adapter;

import dev.stoa.EngineFault;
import dev.stoa.Fault;
import dev.stoa.tensor.Tensor;

/// The change an adapter makes to one module.
public sealed interface Delta {
    long bytes();

    /// The low-rank part.
    LowRank update();

    /// One low-rank update of one linear layer: dW = scale * B * A, with a (R, K) and b (N, R), and db = scale * bias with
    /// bias (N) or null. On the input table, as `embed_tokens`, K is the vocabulary and N the width: dE = dWt.
    record LowRank(Tensor a, Tensor b, double scale, Tensor bias) implements Delta {
        public LowRank {
            Fault.require(a.rows() == b.cols(), EngineFault.RANK_MISMATCH,
                    "A has rank %d, B has rank %d", a.rows(), b.cols());
            Fault.require(bias == null || bias.elements() == b.rows(), EngineFault.RANK_MISMATCH,
                    "the bias has %d values, B has %d rows", bias == null ? 0 : bias.elements(), b.rows());
        }

        public LowRank(Tensor a, Tensor b, double scale) {
            this(a, b, scale, null);
        }

        @Override
        public LowRank update() {
            return this;
        }

        public int rank() {
            return a.rows();
        }

        @Override
        public long bytes() {
            return a.bytes() + b.bytes() + (bias == null ? 0 : bias.bytes());
        }
    }

    /// Weight-decomposed adaptation (DoRA, Liu et al. 2402.09353): y = c * (W x + scale * B A x), with
    /// c = magnitude / |W + scale * B A| per output row. `rowFactors` is c (N), known once the base is: null before.
    record Dora(LowRank update, Tensor magnitude, Tensor rowFactors) implements Delta {
        public Dora {
            Fault.require(magnitude.elements() == update.b().rows(), EngineFault.RANK_MISMATCH,
                    "the magnitude has %d values, B has %d rows", magnitude.elements(), update.b().rows());
        }

        @Override
        public long bytes() {
            return update.bytes() + magnitude.bytes();
        }
    }
}
