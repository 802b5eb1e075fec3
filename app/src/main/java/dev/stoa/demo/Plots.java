// SPDX-License-Identifier: Apache-2.0
package dev.stoa.demo;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/// The report's plots, from the phases' results.
final class Plots {
    private static final int EXPERTS_SHOWN = 8;

    private Plots() {}

    static List<Plot> of(BasePhase.Result base, ExpertsPhase.Result experts) {
        return List.of(base(base), experts(experts));
    }

    private static Plot base(BasePhase.Result base) {
        List<Plot.Series> series = new ArrayList<>();
        for (int i = 0; i < base.skills().size(); i++) {
            int skill = i;
            series.add(new Plot.Series(base.skills().get(i).toLowerCase(Locale.ROOT), base.curve().stream().map(point -> (double) point.step()).toList(),
                    base.curve().stream().map(point -> point.exact().get(skill)).toList()));
        }
        return new Plot("How the base learns", "optimizer steps", "share of exact answers", series);
    }

    private static Plot experts(ExpertsPhase.Result experts) {
        List<Plot.Series> series = new ArrayList<>();
        for (ExpertsPhase.Trained each : experts.experts()) {
            if (!each.job().kind().equals(ExpertsPhase.Job.COMPOSABLE) || series.size() == EXPERTS_SHOWN) continue;
            series.add(new Plot.Series(each.job().name(), each.curve().stream().map(point -> (double) point.step()).toList(),
                    each.curve().stream().map(ExpertsPhase.Point::exact).toList()));
        }
        return new Plot("How experts learn (first " + EXPERTS_SHOWN + ")", "optimizer steps", "share of exact answers on validation items", series);
    }
}
