// SPDX-License-Identifier: Apache-2.0
package dev.stoa.route;

import java.util.List;
import java.util.Map;

/// Every number a decision was made from, so that the set can be recomputed from the trace alone.
///
/// Holds no prompt text and no expert the caller may not use. `pairs` has the status of each pair that was looked
/// at ("a+b" with a < b). `boosts` are log-odds added for sorting and for the relative floor (previous turn).
public record RouteTrace(
        long stateVersion, String featureSource, int windows, Times took, Abstain abstain, List<LabelScore> labels,
        double baseP, int topK, double relativeFloor, RouteOptions.Breadth breadth, Map<String, Double> boosts,
        Map<String, String> pairs, List<Member> set, RouteReason reason, String sentence) {
    public RouteTrace {
        labels = List.copyOf(labels);
        boosts = Map.copyOf(boosts);
        pairs = Map.copyOf(pairs);
        set = List.copyOf(set);
    }

    /// Microseconds per stage.
    public record Times(double features, double signals, double policy) {}

    /// The input counts as in-domain when `score >= tau`.
    public record Abstain(double score, double tau, boolean certified) {}

    /// `sixtyFourths` / 64 is the weight.
    public record Member(String label, String expert, int sixtyFourths) {}
}
