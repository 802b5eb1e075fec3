// SPDX-License-Identifier: Apache-2.0
package dev.stoa.nn;

import java.util.Arrays;

/// Rotary positions as final numbers: one inverse frequency per rotated channel pair (scaling already applied), the
/// factor on cos and sin (1 unless yarn), and which channels form a pair.
public record RopeSpec(double[] inverseFrequencies, double magnitude, Pairing pairing) {
    /// HALF pairs channel i with i + d/2 (Hugging Face), INTERLEAVED 2i with 2i+1 (GGUF files of the llama architecture).
    public enum Pairing { HALF, INTERLEAVED }

    public RopeSpec {
        inverseFrequencies = inverseFrequencies.clone();
    }

    public RopeSpec(double[] inverseFrequencies, double magnitude) {
        this(inverseFrequencies, magnitude, Pairing.HALF);
    }

    @Override
    public double[] inverseFrequencies() {
        return inverseFrequencies.clone();
    }

    /// The same frequencies over other pairs.
    public RopeSpec paired(Pairing other) {
        return new RopeSpec(inverseFrequencies, magnitude, other);
    }

    @Override
    public boolean equals(Object other) {
        return other instanceof RopeSpec that && Arrays.equals(inverseFrequencies, that.inverseFrequencies)
                && magnitude == that.magnitude && pairing == that.pairing;
    }

    @Override
    public int hashCode() {
        return Arrays.hashCode(inverseFrequencies);
    }
}
