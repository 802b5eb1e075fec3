// SPDX-License-Identifier: Apache-2.0
package dev.stoa.route.fit;

import dev.stoa.route.feature.RouteText;
import java.util.Set;

/// One example: a text and the labels it needs; no labels means that the base should answer (out of domain).
public record RouteRow(RouteText text, Set<String> labels, Split split) {
    /// CALIBRATION fits probabilities and thresholds, CERTIFICATE only the abstain threshold, TEST only the report.
    public enum Split { TRAIN, CALIBRATION, CERTIFICATE, TEST }

    public RouteRow {
        labels = Set.copyOf(labels);
    }

    public static RouteRow of(String text, Set<String> labels, Split split) {
        return new RouteRow(RouteText.of(text), labels, split);
    }
}
