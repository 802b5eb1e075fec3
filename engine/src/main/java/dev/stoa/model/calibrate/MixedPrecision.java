// SPDX-License-Identifier: Apache-2.0
package dev.stoa.model.calibrate;

import dev.stoa.EngineFault;
import dev.stoa.Fault;
import dev.stoa.format.MlxQuantizer;
import dev.stoa.format.ModelDirectory;
import dev.stoa.kernel.Kernels;
import dev.stoa.model.ModelSpec;
import dev.stoa.model.StoredModel;
import dev.stoa.model.TensorPlan;
import dev.stoa.quant.MixedPlanner;
import dev.stoa.quant.MixedPlanner.Candidate;
import dev.stoa.quant.MixedPlanner.Module;
import dev.stoa.quant.MlxEncoder;
import dev.stoa.quant.Quant;
import dev.stoa.quant.QuantSpec;
import dev.stoa.tensor.DType;
import dev.stoa.tensor.Ledger;
import dev.stoa.tensor.Scope;
import dev.stoa.tensor.Tensor;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.Consumer;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/// The mixed-precision plan of a model directory (models.md, section 4.3): one pass collects diag(XtX) of every linear
/// layer, the activation-weighted error of each matrix at each width is scaled to nats per token by a few measured
/// divergences, and [MixedPlanner] spends the bytes where they help most.
public final class MixedPrecision {
    private static final int[] BITS = {3, 4, 5, 6, 8};
    private static final int FLOAT = 16;
    private static final int MOST_MEASURED = 32;
    private static final Pattern LAYER = Pattern.compile("layers\\.(\\d+)\\.");

    /// What a plan is worth, in nats per token; the uniform model has the finest width for all (with the same floors) that
    /// costs no more bytes, or none (0 bits) when not even 3 does. Repetition rates are of the full model, the plan, the uniform.
    public record Report(MixedPlanner.Plan plan, long weights, double klMeasured, int uniformBits, long uniformBytes, double klUniform,
            int measured, double[] repetition) {
        /// Bits per weight, scales included.
        public double achieved() {
            return 8.0 * plan.bytes() / weights;
        }
    }

    /// A matrix of the files and the linear layers it is: one, or one per expert of a stack.
    private record Matrix(String name, List<String> paths, Tensor tensor, int floor) {
        String module() {
            return name.substring(0, name.length() - ".weight".length());
        }

        /// The same place in every layer and expert.
        String role() {
            return module().replaceAll("\\.\\d+\\.", ".*.");
        }
    }

    private final Map<String, Tensor> tensors;
    private final List<Matrix> matrices = new ArrayList<>();
    private final Map<String, double[]> squares;
    private final Map<Integer, Long> tokenCounts = new HashMap<>();
    private final Calibration calibration;
    private final Probe probe;
    private final ModelSpec spec;
    private int measured;

    /// Opens the measurement; `model`'s weights stay mapped by their scope.
    public MixedPrecision(ModelDirectory model, Calibration calibration, Kernels kernels) {
        StoredModel stored = StoredModel.of(model);
        this.tensors = stored.tensors();
        this.spec = stored.spec();
        if (spec.head() == null) {
            throw Fault.of(EngineFault.NOT_EXPRESSIBLE, "an encoder has no next token to lose").where(model.path()).got(spec.modelType())
                    .next("quantize it with --scheme").exception();
        }
        this.calibration = calibration;
        for (String name : tensors.keySet()) {
            if (!MlxQuantizer.packable(name, tensors.get(name))) continue;
            String canonical = spec.layout().canonical(TensorPlan.stripped(name));
            Matcher layer = LAYER.matcher(canonical);
            String path = canonical.substring(0, canonical.length() - ".weight".length());
            int floor = MixedPlanner.floor(path, layer.find() ? Integer.parseInt(layer.group(1)) : -1, spec.layers().size());
            matrices.add(new Matrix(name, paths(path, tensors.get(name)), tensors.get(name), floor));
        }
        for (int[] ids : calibration.sequences()) for (int id : ids) tokenCounts.merge(id, 1L, Long::sum);
        this.probe = new Probe(spec, tensors, kernels, calibration);
        this.squares = probe.squares();
    }

    private static List<String> paths(String path, Tensor tensor) {
        if (tensor.rank() != 3) return List.of(path);
        String stem = path.replaceFirst("\\.(switch_mlp|experts\\.switch_glu)\\.", ".experts.{e}.");
        List<String> all = new ArrayList<>();
        for (int e = 0; e < tensor.dim(0); e++) all.add(stem.replace("{e}", Integer.toString(e)));
        return all;
    }

    /// Values in the matrices a plan is about.
    public long weights() {
        return matrices.stream().mapToLong(matrix -> matrix.tensor().elements()).sum();
    }

    /// Every matrix with its candidates and what each costs in nats per token. `exact` measures every pair, otherwise at most
    /// 32 are measured and the others predicted. `progress` gets a line per measurement.
    public List<Module> sensitivities(boolean exact, Consumer<String> progress) {
        Map<String, Map<QuantSpec, Double>> errors = new LinkedHashMap<>();
        for (Matrix matrix : matrices) {
            Map<QuantSpec, Double> own = new LinkedHashMap<>();
            for (QuantSpec format : formats(matrix)) own.put(format, exact ? measure(matrix, format, progress) : error(matrix, format));
            errors.put(matrix.name(), own);
        }
        Map<String, Double> factors = exact ? Map.of() : factors(errors, progress);
        List<Module> modules = new ArrayList<>();
        for (Matrix matrix : matrices) {
            List<Candidate> candidates = new ArrayList<>();
            errors.get(matrix.name()).forEach((format, error) -> candidates.add(new Candidate(format.bits(), format, bytes(matrix, format),
                    exact ? error : error * factors.get(group(matrix)))));
            long floats = matrix.tensor().dtype().quantized() ? 2 * matrix.tensor().elements() : matrix.tensor().bytes();
            candidates.add(new Candidate(FLOAT, null, floats, 0));
            modules.add(new Module(matrix.module(), candidates));
        }
        return modules;
    }

    /// The widths a matrix may have; none when its rows fill no groups, and it stays as it is.
    private List<QuantSpec> formats(Matrix matrix) {
        List<QuantSpec> formats = new ArrayList<>();
        for (int bits : BITS) {
            if (bits < matrix.floor()) continue;
            for (int group : new int[] {64, 32}) {
                QuantSpec format = new QuantSpec("affine", bits, group);
                if (!encoder(matrix, format).fits(matrix.tensor().cols())) continue;
                formats.add(format);
                break;
            }
        }
        return formats;
    }

    private static MlxEncoder encoder(Matrix matrix, QuantSpec format) {
        DType stored = matrix.tensor().dtype();
        return MlxEncoder.of(format, stored == DType.F16 || stored == DType.BF16 ? stored : DType.F32);
    }

    private static long bytes(Matrix matrix, QuantSpec format) {
        return format == null ? matrix.tensor().bytes() : encoder(matrix, format).bytes(matrix.tensor().rows(), matrix.tensor().cols());
    }

    /// Expected squared error of the matrix's output per token.
    private double error(Matrix matrix, QuantSpec format) {
        MlxEncoder encoder = encoder(matrix, format);
        boolean table = matrix.module().endsWith("embed_tokens") && !spec.tiedHead();
        if (table) return tableError(matrix.tensor(), encoder);
        double error = 0;
        int rows = matrix.tensor().rows() / matrix.paths().size();
        for (int p = 0; p < matrix.paths().size(); p++) {
            String path = spec.tiedHead() && matrix.module().endsWith("embed_tokens") ? "lm_head" : matrix.paths().get(p);
            double[] sum = squares.get(path);
            if (sum == null) continue; // an expert that no token of the text chose
            double[] perToken = new double[sum.length];
            for (int k = 0; k < sum.length; k++) perToken[k] = sum[k] / calibration.tokens();
            Tensor part = matrix.paths().size() == 1 ? matrix.tensor()
                    : matrix.tensor().view(matrix.tensor().rows(), matrix.tensor().cols()).slice(p * rows, (p + 1) * rows);
            error += MixedPlanner.weightedError(part, encoder, perToken);
        }
        return error;
    }

    /// A table's output is one of its rows: each counts as often as its token occurs.
    private double tableError(Tensor table, MlxEncoder encoder) {
        double error = 0;
        try (Scope scope = new Ledger().scope("table")) {
            float[] row = new float[table.cols()];
            for (Map.Entry<Integer, Long> token : tokenCounts.entrySet()) {
                Quant.decodeRow(table, token.getKey(), row, 0);
                Tensor packed = encoder.roundTrip(Tensor.of(row.clone(), 1, row.length), scope);
                for (int c = 0; c < row.length; c++) error += token.getValue() * Math.pow(packed.get(c) - row[c], 2);
            }
        }
        return error / calibration.tokens();
    }

    private String group(Matrix matrix) {
        return matrices.size() <= MOST_MEASURED ? matrix.module() : matrix.role();
    }

    /// From errors to nats: for each group (a matrix where there are few, a role otherwise) the factor that fits the measured
    /// divergences of its coarsest candidates.
    private Map<String, Double> factors(Map<String, Map<QuantSpec, Double>> errors, Consumer<String> progress) {
        Map<String, List<Matrix>> groups = new LinkedHashMap<>();
        for (Matrix matrix : matrices) if (!errors.get(matrix.name()).isEmpty()) groups.computeIfAbsent(group(matrix), _ -> new ArrayList<>()).add(matrix);
        int each = Math.max(1, MOST_MEASURED / Math.max(1, groups.size()));
        Map<String, Double> factors = new HashMap<>();
        List<double[]> all = new ArrayList<>();
        groups.forEach((name, members) -> {
            List<double[]> pairs = new ArrayList<>();
            int count = Math.min(each, members.size());
            for (int i = 0; i < count && measured < MOST_MEASURED; i++) {
                Matrix matrix = members.get((2 * i + 1) * members.size() / (2 * count));
                Map.Entry<QuantSpec, Double> coarsest = errors.get(matrix.name()).entrySet().iterator().next();
                pairs.add(new double[] {coarsest.getValue(), measure(matrix, coarsest.getKey(), progress)});
            }
            all.addAll(pairs);
            if (pairs.stream().anyMatch(pair -> pair[0] > 0)) factors.put(name, MixedPlanner.fit(pairs));
        });
        double common = all.stream().anyMatch(pair -> pair[0] > 0) ? MixedPlanner.fit(all) : 0;
        for (Matrix matrix : matrices) factors.putIfAbsent(group(matrix), common);
        return factors;
    }

    private double measure(Matrix matrix, QuantSpec format, Consumer<String> progress) {
        measured++;
        try (Scope scope = new Ledger().scope("measure")) {
            double kl = probe.divergence(Map.of(matrix.name(), encoder(matrix, format).roundTrip(matrix.tensor(), scope)));
            progress.accept("%s at %d bits: %.2e nats per token".formatted(matrix.module(), format.bits(), kl));
            return kl;
        }
    }

    /// Mean KL of the model with the formats of a plan, in nats per token.
    public double divergence(MixedPlanner.Plan plan) {
        try (Scope scope = new Ledger().scope("plan")) {
            return probe.divergence(replaced(plan, scope));
        }
    }

    private Map<String, Tensor> replaced(MixedPlanner.Plan plan, Scope scope) {
        Map<String, Tensor> replaced = new TreeMap<>();
        for (Matrix matrix : matrices) {
            QuantSpec format = plan.modules().get(matrix.module()).spec();
            if (format != null) replaced.put(matrix.name(), encoder(matrix, format).roundTrip(matrix.tensor(), scope));
        }
        return replaced;
    }

    /// The plan in which every matrix has `bits`, or the least its floor allows.
    public static MixedPlanner.Plan uniform(List<Module> modules, int bits) {
        Map<String, Candidate> chosen = new TreeMap<>();
        long bytes = 0;
        double kl = 0;
        for (Module module : modules) {
            Candidate fit = module.candidates().getLast();
            for (int c = module.candidates().size() - 1; c >= 0; c--) if (module.candidates().get(c).bits() >= bits) fit = module.candidates().get(c);
            chosen.put(module.name(), fit);
            bytes += fit.bytes();
            kl += fit.kl();
        }
        return new MixedPlanner.Plan(chosen, bytes, kl);
    }

    /// The whole search: the plan within `targetBits` per weight, measured beside the uniform model of the same size.
    public Report search(double targetBits, boolean exact, Consumer<String> progress) {
        long budget = (long) (targetBits * weights() / 8);
        long least = 0;
        for (Matrix matrix : matrices) least += bytes(matrix, formats(matrix).stream().findFirst().orElse(null));
        if (least > budget) {
            throw Fault.of(EngineFault.OUT_OF_RANGE, "the target is below the smallest plan that is allowed").where("--target-bpw").got(targetBits)
                    .expected("at least %.2f".formatted(8.0 * least / weights() + 0.005)).next("raise --target-bpw").exception();
        }
        List<Module> modules = sensitivities(exact, progress);
        MixedPlanner.Plan plan = MixedPlanner.plan(modules, budget);
        int uniformBits = 0;
        MixedPlanner.Plan uniform = null;
        for (int bits : BITS) {
            MixedPlanner.Plan one = uniform(modules, bits);
            if (one.bytes() <= budget) {
                uniform = one;
                uniformBits = bits;
            }
        }
        double klPlan = divergence(plan);
        double klUniform = uniform == null ? Double.NaN : divergence(uniform);
        int context = spec.maxContext();
        int prompt = Math.min(16, context / 4);
        int length = Math.min(256, context - prompt);
        double[] repetition = {probe.repetition(Map.of(), 4, prompt, length), repetition(plan, prompt, length),
            uniform == null ? Double.NaN : repetition(uniform, prompt, length)};
        return new Report(plan, weights(), klPlan, uniformBits, uniform == null ? 0 : uniform.bytes(), klUniform, measured, repetition);
    }

    private double repetition(MixedPlanner.Plan plan, int prompt, int length) {
        try (Scope scope = new Ledger().scope("plan")) {
            return probe.repetition(replaced(plan, scope), 4, prompt, length);
        }
    }
}
