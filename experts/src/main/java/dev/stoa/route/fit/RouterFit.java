// SPDX-License-Identifier: Apache-2.0
package dev.stoa.route.fit;

import dev.stoa.ExpertsFault;
import dev.stoa.Fault;
import dev.stoa.route.CompositionTable;
import dev.stoa.route.RoutedExpert;
import dev.stoa.route.RouterModel;
import dev.stoa.route.RouterState;
import dev.stoa.route.feature.FeatureSource;
import dev.stoa.route.feature.HashedFeatures;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;

/// Fits a router in one call: labeled rows in, an immutable state and its report out. Deterministic: the same rows,
/// options and features give the same state.
public final class RouterFit {
    private RouterFit() {}

    /// `mlp` also trains the two-layer head; `alpha` and `delta` are the certificate's.
    public record Options(boolean mlp, double alpha, double delta, long seed) {
        public static final Options DEFAULT = new Options(false, 0.05, 0.05, 42);
    }

    /// `reports` has the configured source first, then the hashed one when that is another.
    public record Fitted(RouterState state, List<FitReport> reports) {
        public Fitted {
            reports = List.copyOf(reports);
        }
    }

    /// Fits on `rows` over `labels` (the base excluded). `configured` null means hashed features alone; otherwise a
    /// hashed model is fitted beside it, for when the configured features fail. The roster of the result is empty:
    /// nothing is mounted until [RouterState#withRoster].
    public static Fitted fit(List<String> labels, List<RouteRow> rows, FeatureSource configured, Options options) {
        check(labels, rows);
        List<String> texts = rows.stream().filter(row -> row.split() == RouteRow.Split.TRAIN)
                .map(row -> row.text().user()).toList();
        ModelFit.Result hashed = ModelFit.fit(labels, rows, HashedFeatures.fit(texts), options);
        List<FitReport> reports = new ArrayList<>(List.of(hashed.report()));
        RouterModel model = hashed.model();
        RouterModel fallback = null;
        if (configured != null) {
            ModelFit.Result chosen = ModelFit.fit(labels, rows, configured, options);
            reports.addFirst(chosen.report());
            model = chosen.model();
            fallback = hashed.model();
        }
        RouterState state = new RouterState(1, labels, model, fallback, Map.of(), CompositionTable.UNMEASURED);
        return new Fitted(state, reports);
    }

    /// A roster in which every label mounts an expert of the same name; for evaluating a router by itself.
    public static Map<String, RoutedExpert> everyLabel(List<String> labels) {
        Map<String, RoutedExpert> roster = new LinkedHashMap<>();
        for (String label : labels) roster.put(label, RoutedExpert.served(label, "1", "label:" + label));
        return roster;
    }

    private static void check(List<String> labels, List<RouteRow> rows) {
        List<String> issues = new ArrayList<>();
        if (new HashSet<>(labels).size() != labels.size()) issues.add("a label is listed twice");
        if (labels.isEmpty()) issues.add("no labels");
        Set<String> seen = new TreeSet<>();
        Set<String> unknown = new TreeSet<>();
        int calibration = 0;
        for (RouteRow row : rows) {
            for (String label : row.labels()) if (!labels.contains(label)) unknown.add(label);
            if (row.split() == RouteRow.Split.TRAIN) seen.addAll(row.labels());
            if (row.split() == RouteRow.Split.CALIBRATION) calibration++;
        }
        if (!unknown.isEmpty()) issues.add("rows name labels that are not listed: " + String.join(", ", unknown));
        Set<String> missing = new TreeSet<>(labels);
        missing.removeAll(seen);
        if (!missing.isEmpty()) issues.add("no training row has: " + String.join(", ", missing));
        if (calibration < 20) issues.add(calibration + " calibration rows, at least 20 are needed");
        if (!issues.isEmpty()) {
            throw Fault.of(ExpertsFault.ROUTER_DATA_INVALID, "the router cannot be fitted on these rows")
                    .got(rows.size() + " rows, " + labels.size() + " labels").issues(issues).exception();
        }
    }
}
