// SPDX-License-Identifier: Apache-2.0
package dev.stoa.gate;

import dev.stoa.adapter.Adapter;
import dev.stoa.adapter.Delta;
import dev.stoa.adapter.PeftFactors;
import dev.stoa.model.Model;
import dev.stoa.quant.Quant;
import dev.stoa.tensor.Ledger;
import dev.stoa.tensor.Scope;
import dev.stoa.tensor.Tensor;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.Function;

/// Adapter health, gates specification §2: is this file a working update of this base at all? Reads weights only.
///
/// Hard (unhealthy): no B at all; a B whose norm is at most 1e-6; NaN or infinity; a factor without its partner; shapes
/// that do not fit each other, the declared rank or the base; tensors that are no PEFT factors; another base; an update
/// larger than half its weight. The rest warns.
public final class Health {
    /// A B factor of at most this norm has learned nothing.
    public static final double ZERO_NORM = 1e-6;
    static final double REL_NORM_LOW = 1e-4;
    static final double REL_NORM_HIGH = 0.3;
    static final double REL_NORM_LIMIT = 0.5;
    static final double EFFECTIVE_RANK_SHARE = 0.25;
    static final double STABLE_RANK_LOW = 1.05;
    static final double ZERO_SLICE_SHARE = 0.5;

    /// What the adapter is meant for: model hash, the hashes of the models it is a recorded copy of, [outputs, inputs] of
    /// each linear layer, and the layer's weight by path (null where unknown; then no relative norms).
    public record Base(String hash, List<String> origins, Map<String, long[]> shapes, Function<String, Tensor> weight) {
        public Base {
            origins = List.copyOf(origins);
        }

        /// A base that is nobody's copy.
        public Base(String hash, Map<String, long[]> shapes, Function<String, Tensor> weight) {
            this(hash, List.of(), shapes, weight);
        }

        /// A loaded model as the base; it must stay loaded while it is used here.
        public static Base of(Model model) {
            return new Base(model.hash(), model.origins(), model.linearShapes(), path ->
                    model.weight(path.equals("lm_head") ? model.spec().headWeight() : path + ".weight"));
        }
    }

    /// `lenient`: zero B factors only fail when all are zero. `strictExperts`: any zero slice of an expert stack fails.
    public record Options(boolean lenient, boolean strictExperts) {
        public static final Options STRICT = new Options(false, false);
    }

    private final Base base;
    private final Options options;
    private final List<String> missingPartners = new ArrayList<>();
    private final List<String> zeroKeys = new ArrayList<>();
    private final List<HealthReport.ModuleHealth> modules = new ArrayList<>();
    private final List<String> failures = new ArrayList<>();
    private final List<String> warnings = new ArrayList<>();
    private final List<Double> norms = new ArrayList<>();
    private int total;
    private int slices;
    private int zeroSlices;
    private int nonFinite;

    private Health(Base base, Options options) {
        this.base = base;
        this.options = options;
    }

    /// Checks a PEFT directory; `base` may be null. A directory that cannot be read as one is a `FaultException`.
    public static HealthReport check(Path directory, Base base, Options options) throws IOException {
        try (Scope scope = new Ledger().scope("health")) {
            PeftFactors factors = PeftFactors.read(directory, scope);
            Health health = new Health(base, options);
            health.base(factors.baseHash());
            for (String key : factors.leftovers()) health.failures.add(key + " is not a PEFT factor of a linear layer");
            factors.modules().forEach(health::module);
            return health.report();
        }
    }

    /// Checks an adapter in memory; `base` may be null.
    public static HealthReport check(Adapter adapter, Base base, Options options) {
        Map<String, PeftFactors.Pair> pairs = new TreeMap<>();
        adapter.entries().forEach((target, delta) -> {
            Delta.LowRank low = delta.update();
            pairs.put(target.path(), new PeftFactors.Pair(low.a(), low.b(), low.rank(), low.scale()));
        });
        Health health = new Health(base, options);
        health.base(adapter.baseHash());
        pairs.forEach(health::module);
        return health.report();
    }

    private void base(String required) {
        // A file that names no base is bound to the one it is checked against; an unknown base matches nothing.
        if (base != null && required != null && !required.equals(base.hash()) && !base.origins().contains(required)) {
            failures.add("made for base " + required + ", not for " + base.hash());
        }
    }

    private void module(String key, PeftFactors.Pair pair) {
        if (pair.b() != null) total++;
        if (pair.a() == null || pair.b() == null) {
            missingPartners.add(key + (pair.a() == null ? ".lora_A" : ".lora_B"));
            return;
        }
        if (!fits(key, pair)) return;
        if (pair.b().rank() == 2) {
            double norm = update(key, key, pair.a(), pair.b(), pair.scale());
            if (norm <= ZERO_NORM) zeroKeys.add(key);
            return;
        }
        int experts = (int) pair.b().dim(0);
        int dead = 0;
        for (int e = 0; e < experts; e++) {
            Tensor a = slice(pair.a(), e);
            Tensor b = slice(pair.b(), e);
            if (update(key, key + "[" + e + "]", a, b, pair.scale()) <= ZERO_NORM) dead++;
        }
        slices += experts;
        zeroSlices += dead;
        if (dead == experts) zeroKeys.add(key);
    }

    /// a (R, in), b (out, R), or with a leading number of experts; checked against each other, the rank and the base.
    private boolean fits(String key, PeftFactors.Pair pair) {
        Tensor a = pair.a();
        Tensor b = pair.b();
        String pairing = key + ": A " + a.describe() + " and B " + b.describe();
        int axes = b.rank();
        if (a.rank() != axes || axes != 2 && axes != 3 || axes == 3 && a.dim(0) != b.dim(0)
                || a.dim(axes - 2) != b.dim(axes - 1) || a.elements() == 0 || b.elements() == 0) {
            failures.add(pairing + " are not a pair (r, in), (out, r)");
            return false;
        }
        boolean fits = true;
        if (a.dim(axes - 2) != pair.declaredRank()) {
            failures.add(pairing + " have rank " + a.dim(axes - 2) + ", the configuration says " + pair.declaredRank());
            fits = false;
        }
        if (!Double.isFinite(pair.scale())) {
            failures.add(key + ": the scale is " + pair.scale());
            fits = false;
        }
        for (Tensor factor : List.of(a, b)) {
            if (Quant.supports(factor.dtype()) && !factor.dtype().quantized()) continue;
            failures.add(key + ": factors of type " + factor.dtype() + " cannot be computed with");
            fits = false;
        }
        if (base == null) return fits;
        long[] shape = base.shapes().get(key);
        if (shape == null) {
            failures.add(key + ": the base has no such linear layer");
        } else if (shape[0] != b.dim(axes - 2) || shape[1] != a.dim(axes - 1)) {
            failures.add(pairing + " do not fit the base, which has (out, in) = " + Arrays.toString(shape));
        }
        return fits;
    }

    private static Tensor slice(Tensor stack, int expert) {
        int rows = (int) stack.dim(1);
        return stack.slice(expert * rows, (expert + 1) * rows);
    }

    /// Measures one update; returns the norm of B, NaN when a factor is not finite.
    private double update(String module, String key, Tensor a, Tensor b, double scale) {
        float[] valuesA = Quant.decode(a);
        float[] valuesB = Quant.decode(b);
        int broken = (finite(valuesA) ? 0 : 1) + (finite(valuesB) ? 0 : 1);
        if (broken > 0) {
            nonFinite += broken;
            failures.add(key + " holds NaN or infinity");
            modules.add(new HealthReport.ModuleHealth(key, null, null, null, null));
            return Double.NaN;
        }
        SmallMatrix left = matrix(valuesB, b.rows(), b.cols());
        SmallMatrix right = matrix(valuesA, a.rows(), a.cols());
        double normB = left.frobenius();
        norms.add(normB);
        Spectrum spectrum = Spectrum.of(left, right, scale);
        Double relative = relative(module, spectrum.norm());
        modules.add(new HealthReport.ModuleHealth(key, spectrum.norm(), relative, spectrum.effectiveRank(),
                spectrum.stableRank()));
        judge(key, spectrum, relative, a.rows());
        return normB;
    }

    private void judge(String key, Spectrum spectrum, Double relative, int rank) {
        if (relative != null && relative > REL_NORM_LIMIT) {
            failures.add(key + String.format(Locale.ROOT, ": the update is %.3f of its weight, more than %s", relative,
                    REL_NORM_LIMIT));
        } else if (relative != null && (relative < REL_NORM_LOW || relative > REL_NORM_HIGH)) {
            warnings.add(key + String.format(Locale.ROOT, ": the update is %.2g of its weight, outside [%s, %s]",
                    relative, REL_NORM_LOW, REL_NORM_HIGH));
        }
        if (spectrum.effectiveRank() == null) return;
        if (spectrum.effectiveRank() < EFFECTIVE_RANK_SHARE * rank) {
            warnings.add(key + String.format(Locale.ROOT, ": effective rank %.2f of %d", spectrum.effectiveRank(),
                    rank));
        }
        if (rank > 1 && spectrum.stableRank() < STABLE_RANK_LOW) {
            warnings.add(key + String.format(Locale.ROOT, ": stable rank %.3f, one direction carries the update",
                    spectrum.stableRank()));
        }
    }

    private Double relative(String module, double norm) {
        Tensor weight = base == null || base.weight() == null ? null : base.weight().apply(module);
        if (weight == null) return null;
        double sum = 0;
        float[] row = new float[weight.cols()];
        for (int i = 0; i < weight.rows(); i++) {
            Quant.decodeRow(weight, i, row, 0);
            for (float value : row) sum += (double) value * value;
        }
        return sum == 0 ? null : norm / Math.sqrt(sum);
    }

    private static boolean finite(float[] values) {
        for (float value : values) if (!Float.isFinite(value)) return false;
        return true;
    }

    private static SmallMatrix matrix(float[] values, int rows, int cols) {
        SmallMatrix matrix = SmallMatrix.zero(rows, cols);
        for (int i = 0; i < values.length; i++) matrix.values()[i] = values[i];
        return matrix;
    }

    private HealthReport report() {
        for (String partner : missingPartners) failures.add(partner + " is missing");
        if (total == 0) failures.add("there is no lora_B at all");
        boolean allZero = total > 0 && zeroKeys.size() == total;
        if (!zeroKeys.isEmpty() && (!options.lenient() || allZero)) {
            failures.add(zeroKeys.size() + " of " + total + " B factors are zero: " + shown(zeroKeys));
        } else if (!zeroKeys.isEmpty()) {
            warnings.add(zeroKeys.size() + " of " + total + " B factors are zero: " + shown(zeroKeys));
        }
        if (zeroSlices > 0) {
            String share = zeroSlices + " of " + slices + " expert slices are zero: they received no training token";
            boolean hard = options.strictExperts() || (double) zeroSlices / slices > ZERO_SLICE_SHARE;
            (hard ? failures : warnings).add(share);
        }
        Double max = norms.isEmpty() ? null : norms.stream().mapToDouble(Double::doubleValue).max().orElseThrow();
        Double mean = norms.isEmpty() ? null : norms.stream().mapToDouble(Double::doubleValue).average().orElseThrow();
        return new HealthReport(failures.isEmpty(), total, zeroKeys.size(), zeroSlices, max, mean, nonFinite,
                List.copyOf(missingPartners), List.copyOf(zeroKeys), List.copyOf(modules), List.copyOf(failures),
                List.copyOf(warnings));
    }

    private static String shown(List<String> keys) {
        return keys.size() <= 5 ? String.join(", ", keys) : String.join(", ", keys.subList(0, 5)) + ", …";
    }
}
