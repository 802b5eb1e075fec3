// SPDX-License-Identifier: Apache-2.0
package dev.stoa.gate;

import java.util.List;

/// What [Health] found. Norms are Frobenius norms; `maxNorm` and `meanNorm` are of the B factors, null when there is
/// none; `nonFinite` counts tensors that hold NaN or infinity. `failures` make the adapter unhealthy, `warnings` do
/// not.
public record HealthReport(
        boolean healthy, int totalLoraB, int zeroLoraB, int zeroExpertSlices, Double maxNorm, Double meanNorm,
        int nonFinite, List<String> missingPartners, List<String> zeroKeys, List<ModuleHealth> modules,
        List<String> failures, List<String> warnings) {
    /// One update dW = scale B A: its norm, its norm relative to the base weight (null without a base), and two ranks
    /// (null for an update that is zero or not finite).
    public record ModuleHealth(String key, Double norm, Double relNorm, Double effectiveRank, Double stableRank) {}

    /// Exit code of the stand-alone check: 0 healthy, 1 not.
    public int exitCode() {
        return healthy ? 0 : 1;
    }
}
