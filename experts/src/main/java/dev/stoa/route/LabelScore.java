// SPDX-License-Identifier: Apache-2.0
package dev.stoa.route;

/// A label's probability and what became of it. `droppedBy` is null when kept; `headLogit` is the head's log-odds
/// before calibration, `threshold` the one applied.
public record LabelScore(
        String label, String expert, double p, double threshold, double headLogit, boolean kept, String droppedBy) {}
