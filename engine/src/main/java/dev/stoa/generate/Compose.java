// SPDX-License-Identifier: Apache-2.0
package dev.stoa.generate;

/// How several experts on one request are combined.
public enum Compose {
    /// One row, deltas added: y = Wx + sum w s B A x.
    SUM,
    /// A row per expert and one for the base: z = z0 + sum w (z_i - z0) over log-probabilities.
    LOGITS,
    /// The same rows; at each position the expert that differs most from the base (KL) decides, below 0.01 nat the
    /// base. Weights do not matter here, except that 0 leaves an expert out.
    SELECT
}
