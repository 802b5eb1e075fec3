// SPDX-License-Identifier: Apache-2.0
package dev.stoa.route.fit;

import dev.stoa.route.head.Certificate;
import java.util.List;
import java.util.Map;

/// What fitting found, for one feature source. Losses are nats per row (sum over labels) on calibration rows the
/// calibration had not seen; ECE has 15 equal bins pooled over labels, on the test split (calibration if empty).
public record FitReport(
        String features, Map<String, Double> losses, List<String> heads, double threshold, double relativeFloor,
        double ece, double eceUncalibrated, double brier, Certificate certificate, double abstainAuroc,
        RouteScores test, Map<String, Double> seconds) {
    public FitReport {
        losses = Map.copyOf(losses);
        heads = List.copyOf(heads);
        seconds = Map.copyOf(seconds);
    }
}
