// SPDX-License-Identifier: Apache-2.0
package dev.stoa.cli;

import dev.stoa.AppFault;
import dev.stoa.EngineFault;
import dev.stoa.Fault;
import dev.stoa.format.GgufQuantizer;
import dev.stoa.format.MlxQuantizer;
import dev.stoa.format.ModelDirectory;
import dev.stoa.format.QuantPlan;
import dev.stoa.format.TensorPolicy;
import dev.stoa.kernel.KernelProvider;
import dev.stoa.kernel.Kernels;
import dev.stoa.model.calibrate.Calibration;
import dev.stoa.model.calibrate.MixedPrecision;
import dev.stoa.quant.QuantSpec;
import dev.stoa.tensor.DType;
import dev.stoa.tensor.Ledger;
import dev.stoa.tensor.Scope;
import dev.stoa.token.Tokenizer;
import dev.stoa.token.TokenizerJson;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.Callable;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import tools.jackson.databind.JsonNode;

/// `stoa quantize IN OUT`: a GGUF file to a GGUF file, a model directory to a directory in the MLX layout.
@Command(name = "quantize", sortOptions = false, description = "Write a model again with smaller weights.",
        footer = {"", "A GGUF file becomes a GGUF file: q8_0, q6_k, q5_k, q4_k, q4_0, mxfp4, nvfp4,",
            "bf16, f16, f32. A model directory becomes a directory in the MLX layout: affine4,", "affine4/32, affine8/64, ..., mxfp4, nvfp4. Token table and head get at least",
            "6 bits unless --pure.", "",
            "With --target-bpw a model directory gets the width of every matrix from a",
            "measurement on text: at least 4096 tokens of the kind the model is for.",
            "quant_plan.json beside the weights says what was chosen and what it costs.", "", "Examples:",
            "  stoa quantize model.gguf small.gguf --scheme q4_k", "  stoa quantize DIR SMALL --target-bpw 4.5 --calibration text.txt",
            "  stoa quantize DIR SMALL --scheme affine4 --plan quant_plan.json"})
final class QuantizeVerb implements Callable<Integer> {
    private static final Pattern AFFINE = Pattern.compile("affine([234568])(?:/(32|64|128))?");
    private static final String SCHEMES = "q8_0, q6_k, q5_k, q4_k, q4_0, mxfp4, nvfp4, bf16, f16 or f32 for a GGUF file; "
            + "affineB or affineB/G (B 2, 3, 4, 5, 6, 8; G 32, 64, 128), mxfp4 or nvfp4 for a directory";
    private static final int MOST_SEQUENCES = 32;
    private final Session session;

    @Parameters(index = "0", paramLabel = "IN", description = "A GGUF file or a model directory.")
    private Path source;

    @Parameters(index = "1", paramLabel = "OUT", description = "What to write; must not exist.")
    private Path target;

    @Option(names = "--scheme", paramLabel = "NAME", description = "The format of the matrices.")
    private String scheme;

    @Option(names = "--plan", paramLabel = "FILE", description = "quant_plan.json: formats of single modules (directories).")
    private Path plan;

    @Option(names = "--target-bpw", paramLabel = "BITS", description = "Bits per weight, scales included, of a measured plan (directories).")
    private Double targetBits;

    @Option(names = "--calibration", paramLabel = "FILE", description = "Text to measure on, or a .json of arrays of token ids.")
    private Path calibration;

    @Option(names = "--exact", description = "Measure every matrix at every width instead of at most 32.")
    private boolean exact;

    @Option(names = "--pure", description = "No exception for token table and head.")
    private boolean pure;

    QuantizeVerb(Session session) {
        this.session = session;
    }

    @Override
    public Integer call() throws IOException {
        Console console = session.console("quantize");
        if (Files.exists(target)) {
            throw Fault.of(EngineFault.OUTPUT_EXISTS, "the output already exists").where(target).next("choose another output").exception();
        }
        if ((scheme == null) == (targetBits == null)) {
            throw Fault.of(AppFault.USAGE, "the format is named or measured").expected("--scheme NAME, or --target-bpw BITS --calibration FILE")
                    .next("stoa quantize --help").exception();
        }
        if (targetBits != null) return measured(console);
        return Files.isDirectory(source) ? directory(console) : file(console);
    }

    private int measured(Console console) throws IOException {
        if (calibration == null || !Files.isDirectory(source) || plan != null || pure) {
            throw Fault.of(AppFault.USAGE, "a plan is measured for a model directory").expected("a directory, and --calibration FILE without --plan and --pure")
                    .next("convert a GGUF file with stoa convert --to safetensors").exception();
        }
        if (targetBits < 2 || targetBits > 16) throw Fault.of(AppFault.USAGE, "a target out of range").got(targetBits).expected("2 to 16").exception();
        try (Scope scope = new Ledger().scope("quantize"); Kernels kernels = KernelProvider.open("auto", Runtime.getRuntime().availableProcessors())) {
            ModelDirectory model = ModelDirectory.openWithoutTokenizer(source, scope);
            JsonNode config = model.config().path("text_config").isObject() ? model.config().get("text_config") : model.config();
            Tokenizer tokenizer = model.tokenizerJson() == null ? null : TokenizerJson.parse(model.tokenizerJson());
            Calibration text = Calibration.of(calibration.getFileName().toString(), Files.readString(calibration), tokenizer,
                    config.path("vocab_size").asInt(Integer.MAX_VALUE), config.path("max_position_embeddings").asInt(Calibration.LENGTH), MOST_SEQUENCES);
            console.say("measuring on %d sequences of %d tokens", text.sequences().size(), text.sequences().getFirst().length);
            MixedPrecision search = new MixedPrecision(model, text, kernels);
            MixedPrecision.Report report = search.search(targetBits, exact, line -> console.say("%s", line));
            Map<String, QuantSpec> chosen = new TreeMap<>();
            Map<QuantSpec, Long> share = new HashMap<>();
            report.plan().modules().forEach((name, candidate) -> {
                chosen.put(name, candidate.spec());
                if (candidate.spec() != null) share.merge(candidate.spec(), candidate.bytes(), Long::sum);
            });
            QuantSpec common = share.entrySet().stream().max(Map.Entry.comparingByValue()).map(Map.Entry::getKey).orElse(new QuantSpec("affine", 8, 64));
            Map<String, Double> more = Map.of("repetitionFull", report.repetition()[0], "repetition", report.repetition()[1], "repetitionUniform",
                    report.repetition()[2], "uniformBits", (double) report.uniformBits(), "uniformBytes", (double) report.uniformBytes());
            List<MlxQuantizer.Change> changes = MlxQuantizer.quantize(source, target, common, chosen::get, part -> QuantPlan.write(part.resolve("quant_plan.json"),
                    report.plan(), targetBits, report.weights(), report.klMeasured(), report.klUniform(), text.hash(), more));
            report.plan().modules().forEach((name, candidate) -> console.say("%-48s %2d bits, %8d bytes, %.2e nats per token predicted",
                    name, candidate.bits(), candidate.bytes(), candidate.kl()));
            console.line("%s: %.2f bits per weight, KL %.2e nats per token measured, %.2e predicted (%.1f of it)", target, report.achieved(), report.klMeasured(),
                    report.plan().predictedKl(), report.klMeasured() / Math.max(1e-12, report.plan().predictedKl()));
            if (report.uniformBits() > 0) {
                console.line("uniform %d bits: %.2f bits per weight, KL %.2e; repeated 4-grams: full %.2f, plan %.2f, uniform %.2f", report.uniformBits(),
                        8.0 * report.uniformBytes() / report.weights(), report.klUniform(), report.repetition()[0], report.repetition()[1], report.repetition()[2]);
            }
            Map<String, Object> data = new TreeMap<>(more);
            data.values().removeIf(value -> value instanceof Double number && number.isNaN());
            data.putAll(Map.of("out", target.toString(), "target", targetBits, "achieved", report.achieved(), "kl_measured", report.klMeasured(),
                    "kl_predicted", report.plan().predictedKl(), "measured_pairs", report.measured(), "tensors", changes.size()));
            if (report.uniformBits() > 0) data.put("kl_uniform", report.klUniform());
            console.result(data);
            return ExitCode.DONE.number;
        }
    }

    private int file(Console console) throws IOException {
        if (plan != null) throw Fault.of(AppFault.USAGE, "--plan is for model directories").next("leave it out").exception();
        DType type = type();
        List<GgufQuantizer.Change> changes = GgufQuantizer.quantize(source, target, pure ? TensorPolicy.pure(type) : TensorPolicy.of(type));
        long before = 0;
        long after = 0;
        Map<String, Integer> counts = new TreeMap<>();
        for (GgufQuantizer.Change change : changes) {
            before += change.bytesBefore();
            after += change.bytesAfter();
            counts.merge(change.to().name(), 1, Integer::sum);
            boolean fallback = change.from() != change.to() && change.to() != type && change.to() != TensorPolicy.of(type).table();
            if (fallback) console.say("%s became %s: its rows do not fill %s blocks", change.name(), change.to(), type);
        }
        console.line("%s: %.1f MB of weights became %.1f MB (%s)", target, before / 1e6, after / 1e6, counts);
        console.result(Map.of("out", target.toString(), "bytes_before", before, "bytes_after", after, "tensors", counts));
        return ExitCode.DONE.number;
    }

    private DType type() {
        for (DType type : DType.values()) {
            if (type != DType.PACKED && type.name().equals(scheme.toUpperCase(Locale.ROOT))) return type;
        }
        throw unknown();
    }

    private int directory(Console console) throws IOException {
        QuantSpec common = spec();
        QuantPlan chosen = plan == null ? null : QuantPlan.read(plan);
        QuantSpec floor = common.bits() < 6 ? new QuantSpec("affine", 6, 64) : common;
        List<MlxQuantizer.Change> changes = MlxQuantizer.quantize(source, target, common, module -> {
            if (chosen != null && chosen.modules().containsKey(module)) return chosen.modules().get(module);
            boolean table = module.endsWith("embed_tokens") || module.endsWith("lm_head");
            return table && !pure ? floor : common;
        });
        long bytes = 0;
        Map<String, Integer> counts = new TreeMap<>();
        List<String> kept = new ArrayList<>();
        for (MlxQuantizer.Change change : changes) {
            bytes += change.bytes();
            counts.merge(change.spec() == null ? "as it was" : name(change.spec()), 1, Integer::sum);
            if (change.spec() == null && change.reason().startsWith("rows")) kept.add(change.name());
        }
        for (String name : kept) console.say("%s stays as it was: its rows do not fill groups", name);
        console.line("%s: %.1f MB of weights (%s)", target, bytes / 1e6, counts);
        console.result(Map.of("out", target.toString(), "bytes_after", bytes, "tensors", counts));
        return ExitCode.DONE.number;
    }

    private QuantSpec spec() {
        String name = scheme.toLowerCase(Locale.ROOT);
        Matcher affine = AFFINE.matcher(name);
        if (affine.matches()) {
            return new QuantSpec("affine", Integer.parseInt(affine.group(1)), affine.group(2) == null ? 64 : Integer.parseInt(affine.group(2)));
        }
        if (name.equals("mxfp4")) return new QuantSpec("mxfp4", 4, 32);
        if (name.equals("nvfp4")) return new QuantSpec("nvfp4", 4, 16);
        throw unknown();
    }

    private static String name(QuantSpec spec) {
        return spec.mode().equals("affine") ? "affine" + spec.bits() + "/" + spec.group() : spec.mode();
    }

    private RuntimeException unknown() {
        return Fault.of(AppFault.USAGE, "unknown scheme").got(scheme).expected(SCHEMES).next("stoa quantize --help").exception();
    }
}
