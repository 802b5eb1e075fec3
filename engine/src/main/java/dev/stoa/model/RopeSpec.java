// SPDX-License-Identifier: Apache-2.0
package dev.stoa.model;

/// Rotary positions as final numbers: one inverse frequency per rotated channel pair (scaling already applied)
/// and the factor on cos and sin (1 unless yarn).
public record RopeSpec(double[] inverseFrequencies, double magnitude) {
    public RopeSpec {
        inverseFrequencies = inverseFrequencies.clone();
    }

    @Override
    public double[] inverseFrequencies() {
        return inverseFrequencies.clone();
    }
}
