// SPDX-License-Identifier: Apache-2.0
package dev.stoa.gate;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;

/// What [Forgetting] found, with the fields of the gates specification §3.5. Angles are degrees; a module without any
/// update on one side has the angle null and takes no part in the mean. `gate_status` is `fail` when the angle is low
/// and the win-rate fell, `pass` when not, and `angle_only_partial` when the fall is not known well enough to say.
public record ForgettingReport(
        Double angleDegreesMean, Map<String, Double> angleDegreesPerModule, String minAngleModule, Double minAngleValue,
        String band, List<Integer> layersCompared, List<String> layersDropped, Double winrateBaseline,
        Double winrateMeasured, Double winrateDrop, List<Double> winrateDropCi, Integer n, String gateStatus,
        String gateStatusAggregate, String gateStatusPerModule, List<String> offendingModules, String warning,
        String note) {
    static final String PARTIAL = "angle_only_partial";

    static ForgettingReport of(Map<String, Double> angles, List<Integer> compared, List<String> dropped,
            Forgetting.WinRate winRate, Set<String> ignored) {
        double sum = 0;
        int known = 0;
        String smallest = null;
        List<String> offending = new ArrayList<>();
        for (Map.Entry<String, Double> module : angles.entrySet()) {
            Double angle = module.getValue();
            if (angle == null) continue;
            sum += angle;
            known++;
            if (smallest == null || angle < angles.get(smallest)) smallest = module.getKey();
            if (angle < Forgetting.ANGLE_LOW && !ignored.contains(module.getKey())) offending.add(module.getKey());
        }
        Double mean = known == 0 ? null : sum / known;
        boolean unknown = known == 0 || winRate == null || winRate.n() < Forgetting.MIN_PROBES;
        boolean fell = !unknown && winRate.drop() > Forgetting.DROP;
        String aggregate = unknown ? PARTIAL : fell && mean < Forgetting.ANGLE_LOW ? "fail" : "pass";
        String perModule = unknown ? PARTIAL : fell && !offending.isEmpty() ? "fail" : "pass";
        String status = unknown ? PARTIAL : aggregate.equals("fail") || perModule.equals("fail") ? "fail" : "pass";
        String warning = warning(known, mean, offending, winRate, status);
        String note = "a small angle also appears when two experts agree; the angle alone decides nothing";
        Double least = smallest == null ? null : angles.get(smallest);
        if (winRate == null) {
            return new ForgettingReport(mean, angles, smallest, least, band(mean), compared, dropped, null, null, null,
                    null, null, status, aggregate, perModule, offending, warning, note);
        }
        return new ForgettingReport(mean, angles, smallest, least, band(mean), compared, dropped, winRate.baseline(),
                winRate.measured(), winRate.drop(), interval(winRate), winRate.n(), status, aggregate, perModule,
                offending, warning, note);
    }

    private static List<Double> interval(Forgetting.WinRate winRate) {
        if (winRate.low() == null || winRate.high() == null) return null;
        return List.of(winRate.low(), winRate.high());
    }

    private static String warning(int known, Double mean, List<String> offending, Forgetting.WinRate winRate,
            String status) {
        if (known == 0) return "the adapters share no module with an update on both sides";
        if (winRate != null && winRate.n() < Forgetting.MIN_PROBES) {
            return "win-rates of " + winRate.n() + " probes decide nothing; at least " + Forgetting.MIN_PROBES
                    + " are needed";
        }
        boolean low = mean < Forgetting.ANGLE_LOW || !offending.isEmpty();
        return low && status.equals("pass") ? "the angle is low, but the win-rate did not fall" : null;
    }

    /// > 60 healthy, 30 to 60 watch, < 30 potential (forgetting).
    static String band(Double mean) {
        if (mean == null) return null;
        return mean > Forgetting.ANGLE_HEALTHY ? "healthy" : mean < Forgetting.ANGLE_LOW ? "potential" : "watch";
    }
}
