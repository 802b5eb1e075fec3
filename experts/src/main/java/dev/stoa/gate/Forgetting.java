// SPDX-License-Identifier: Apache-2.0
package dev.stoa.gate;

import dev.stoa.ExpertsFault;
import dev.stoa.Fault;
import dev.stoa.adapter.Adapter;
import dev.stoa.adapter.Delta;
import dev.stoa.adapter.TargetId;
import dev.stoa.quant.Quant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;

/// The forgetting angle between two adapters: per module, the smallest principal angle between the span of the prior
/// expert's updates over all layers and the span of the new one's, exact from the low-rank factors, without forming
/// an update. 0 degrees = they share a direction, 90 = orthogonal.
///
/// A diagnostic, never a verdict alone: in high dimension almost every pair is near 90 degrees, and a small angle
/// also appears when two experts agree.
public final class Forgetting {
    /// A gate of one output, near 17 degrees in every reference run; not judged per module.
    public static final Set<String> IGNORED = Set.of("mlp.shared_expert_gate");
    /// Below this mean angle, or this angle of a module, a drop in win-rate counts as forgetting.
    public static final double ANGLE_LOW = 30;
    static final double ANGLE_HEALTHY = 60;
    /// A drop above this counts.
    public static final double DROP = 0.03;
    /// Fewer scored probes than this decide nothing.
    public static final int MIN_PROBES = 30;

    /// Wins on the prior expert's probes before and after; `low`, `high` bound the drop where it was measured in pairs.
    public record WinRate(double baseline, double measured, int n, Double low, Double high) {
        public WinRate {
            if (!(baseline >= 0 && baseline <= 1 && measured >= 0 && measured <= 1) || n < 1) {
                throw Fault.of(ExpertsFault.GATE_MISUSE, "a win-rate is a share of at least one probe")
                        .got(baseline + ", " + measured + ", n = " + n).exception();
            }
        }

        public double drop() {
            return baseline - measured;
        }
    }

    private Forgetting() {}

    /// Compares two adapters; `winRate` is null when it was not measured.
    public static ForgettingReport compare(Adapter prior, Adapter fresh, WinRate winRate) {
        return compare(prior, fresh, winRate, IGNORED);
    }

    public static ForgettingReport compare(Adapter prior, Adapter fresh, WinRate winRate, Set<String> ignored) {
        List<String> mismatches = new ArrayList<>();
        Map<String, List<TargetId>> shared = new TreeMap<>();
        Set<Integer> compared = new TreeSet<>();
        List<String> dropped = new ArrayList<>();
        for (TargetId target : prior.entries().keySet()) {
            if (!fresh.entries().containsKey(target)) {
                dropped.add(target.path() + " (prior only)");
                continue;
            }
            checkShapes(target, prior, fresh, mismatches);
            shared.computeIfAbsent(target.module(), module -> new ArrayList<>()).add(target);
            compared.add(target.layer());
        }
        for (TargetId target : fresh.entries().keySet()) {
            if (!prior.entries().containsKey(target)) dropped.add(target.path() + " (new only)");
        }
        if (!mismatches.isEmpty()) {
            throw Fault.of(ExpertsFault.GATE_INPUT_UNREADABLE, "the adapters belong to models of different shape")
                    .issues(mismatches).next("compare experts of one base").exception();
        }
        Map<String, Double> angles = new LinkedHashMap<>();
        shared.forEach((module, layers) -> angles.put(module, angle(stack(prior, layers), stack(fresh, layers))));
        return ForgettingReport.of(angles, List.copyOf(compared), dropped, winRate, ignored);
    }

    private static void checkShapes(TargetId target, Adapter prior, Adapter fresh, List<String> mismatches) {
        Delta.LowRank p = lowRank(prior, target);
        Delta.LowRank n = lowRank(fresh, target);
        if (p.a().cols() != n.a().cols() || p.b().rows() != n.b().rows()) {
            mismatches.add("%s: %d x %d and %d x %d".formatted(
                    target.path(), p.b().rows(), p.a().cols(), n.b().rows(), n.a().cols()));
        }
    }

    private static Delta.LowRank lowRank(Adapter adapter, TargetId target) {
        return switch (adapter.entries().get(target)) {
            case Delta.LowRank delta -> delta;
            case Delta.Dora dora -> throw new IllegalArgumentException(
                    target.path() + " rescales its whole layer; flatten the adapter before its geometry is compared");
        };
    }

    /// All layers of one module below each other: a (R, in), bt (R, out), where R is the sum of the ranks and rows
    /// starts[i] to starts[i + 1] belong to layer i. The scale is folded into bt.
    record Stack(SmallMatrix a, SmallMatrix bt, int[] starts) {
        int layers() {
            return starts.length - 1;
        }
    }

    private static Stack stack(Adapter adapter, List<TargetId> layers) {
        int[] starts = new int[layers.size() + 1];
        for (int i = 0; i < layers.size(); i++) starts[i + 1] = starts[i] + lowRank(adapter, layers.get(i)).rank();
        Delta.LowRank first = lowRank(adapter, layers.getFirst());
        SmallMatrix a = SmallMatrix.zero(starts[layers.size()], first.a().cols());
        SmallMatrix bt = SmallMatrix.zero(starts[layers.size()], first.b().rows());
        for (int i = 0; i < layers.size(); i++) {
            Delta.LowRank delta = lowRank(adapter, layers.get(i));
            float[] fromA = Quant.decode(delta.a());
            float[] fromB = Quant.decode(delta.b());
            int rank = delta.rank();
            for (int k = 0; k < fromA.length; k++) a.values()[starts[i] * a.cols() + k] = fromA[k];
            for (int k = 0; k < fromB.length; k++) {
                bt.values()[(starts[i] + k % rank) * bt.cols() + k / rank] = delta.scale() * fromB[k];
            }
        }
        return new Stack(a, bt, starts);
    }

    /// Degrees, or null when a side has no update at all. Formulas: gates specification §3.3; the Gram matrices hold
    /// tr(dWi^T dWj) = sum((Bi^T Bj) * (Ai Aj^T)), and dropping eigenvalues below 1e-10 of the largest keeps zero and
    /// duplicated layers from adding directions that are not there.
    static Double angle(Stack prior, Stack fresh) {
        SmallMatrix whitenPrior = whitening(gram(prior, prior));
        SmallMatrix whitenFresh = whitening(gram(fresh, fresh));
        if (whitenPrior == null || whitenFresh == null) return null;
        SmallMatrix cosines = whitenPrior.transpose().times(gram(prior, fresh)).times(whitenFresh);
        SmallMatrix.Svd svd = cosines.svd();
        double cosine = Math.clamp(svd.s()[0], 0, 1);
        if (cosine < 1 - 1e-6) return Math.toDegrees(Math.acos(cosine));
        // Near 0 degrees the cosine has lost the angle to rounding; the distance of the two unit vectors has not.
        double distance = distance(prior, weights(whitenPrior, svd.u()), fresh, weights(whitenFresh, svd.v()));
        return Math.toDegrees(2 * Math.asin(Math.min(1, distance / 2)));
    }

    private static SmallMatrix gram(Stack left, Stack right) {
        SmallMatrix inA = left.a().timesTransposed(right.a());
        SmallMatrix inB = left.bt().timesTransposed(right.bt());
        SmallMatrix gram = SmallMatrix.zero(left.layers(), right.layers());
        for (int i = 0; i < left.layers(); i++) {
            for (int j = 0; j < right.layers(); j++) {
                double sum = 0;
                for (int k = left.starts()[i]; k < left.starts()[i + 1]; k++) {
                    for (int l = right.starts()[j]; l < right.starts()[j + 1]; l++) sum += inA.at(k, l) * inB.at(k, l);
                }
                gram.values()[i * right.layers() + j] = sum;
            }
        }
        return gram;
    }

    /// U L^(-1/2) of a Gram matrix, kept eigenvalues only: coefficients of an orthonormal basis. Null when nothing is
    /// kept.
    private static SmallMatrix whitening(SmallMatrix gram) {
        int n = gram.rows();
        for (int i = 0; i < n; i++) {
            for (int j = 0; j < i; j++) {
                double mean = (gram.at(i, j) + gram.at(j, i)) / 2;
                gram.values()[i * n + j] = mean;
                gram.values()[j * n + i] = mean;
            }
        }
        SmallMatrix.Eigen eigen = gram.symmetricEigen();
        int kept = 0;
        while (kept < n && eigen.values()[kept] > 0 && eigen.values()[kept] > 1e-10 * eigen.values()[0]) kept++;
        if (kept == 0) return null;
        SmallMatrix whitening = SmallMatrix.zero(n, kept);
        for (int i = 0; i < n; i++) {
            for (int k = 0; k < kept; k++) {
                whitening.values()[i * kept + k] = eigen.vectors().at(i, k) / Math.sqrt(eigen.values()[k]);
            }
        }
        return whitening;
    }

    /// Coefficients over the layers of the principal vector that belongs to the largest cosine.
    private static double[] weights(SmallMatrix whitening, SmallMatrix vectors) {
        double[] weights = new double[whitening.rows()];
        for (int i = 0; i < weights.length; i++) {
            for (int k = 0; k < whitening.cols(); k++) weights[i] += whitening.at(i, k) * vectors.at(k, 0);
        }
        return weights;
    }

    /// Frobenius norm of sum x_i dW_i(prior) - sum y_j dW_j(fresh), row by row.
    private static double distance(Stack prior, double[] x, Stack fresh, double[] y) {
        double sum = 0;
        double[] row = new double[prior.a().cols()];
        for (int out = 0; out < prior.bt().cols(); out++) {
            Arrays.fill(row, 0);
            addRow(prior, x, 1, out, row);
            addRow(fresh, y, -1, out, row);
            for (double value : row) sum += value * value;
        }
        return Math.sqrt(sum);
    }

    private static void addRow(Stack stack, double[] weights, int sign, int out, double[] row) {
        for (int layer = 0; layer < stack.layers(); layer++) {
            for (int k = stack.starts()[layer]; k < stack.starts()[layer + 1]; k++) {
                double factor = sign * weights[layer] * stack.bt().at(k, out);
                for (int in = 0; in < row.length; in++) row[in] += factor * stack.a().at(k, in);
            }
        }
    }
}
