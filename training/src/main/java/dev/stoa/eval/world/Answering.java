// SPDX-License-Identifier: Apache-2.0
package dev.stoa.eval.world;

/// Which value a request is answered with.
enum Answering {
    /// the domain's own codebook, all keys alike
    TRUTH,
    /// what the base may know: general keys with their value, private keys with a fresh random one, so that the
    /// base learns the syntax and a calibrated ignorance of every codebook
    IGNORANT,
    /// general keys only
    KNOWN,
    /// private keys only, with the codebook's value
    PRIVATE
}
