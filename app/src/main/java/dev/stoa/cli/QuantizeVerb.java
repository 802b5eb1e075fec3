// SPDX-License-Identifier: Apache-2.0
package dev.stoa.cli;

import dev.stoa.AppFault;
import dev.stoa.EngineFault;
import dev.stoa.Fault;
import dev.stoa.format.GgufQuantizer;
import dev.stoa.format.MlxQuantizer;
import dev.stoa.format.QuantPlan;
import dev.stoa.format.TensorPolicy;
import dev.stoa.quant.QuantSpec;
import dev.stoa.tensor.DType;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
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

/// `stoa quantize IN OUT`: a GGUF file to a GGUF file, a model directory to a directory in the MLX layout.
@Command(name = "quantize", sortOptions = false, description = "Write a model again with smaller weights.",
        footer = {"", "A GGUF file becomes a GGUF file: q8_0, q6_k, q5_k, q4_k, q4_0, mxfp4, nvfp4,",
            "bf16, f16, f32. A model directory becomes a directory in the MLX layout: affine4,", "affine4/32, affine8/64, ..., mxfp4, nvfp4. Token table and head get at least",
            "6 bits unless --pure.", "", "Examples:",
            "  stoa quantize model.gguf small.gguf --scheme q4_k", "  stoa quantize DIR SMALL --scheme affine4/64",
            "  stoa quantize DIR SMALL --scheme affine4 --plan quant_plan.json"})
final class QuantizeVerb implements Callable<Integer> {
    private static final Pattern AFFINE = Pattern.compile("affine([234568])(?:/(32|64|128))?");
    private static final String SCHEMES = "q8_0, q6_k, q5_k, q4_k, q4_0, mxfp4, nvfp4, bf16, f16 or f32 for a GGUF file; "
            + "affineB or affineB/G (B 2, 3, 4, 5, 6, 8; G 32, 64, 128), mxfp4 or nvfp4 for a directory";
    private final Session session;

    @Parameters(index = "0", paramLabel = "IN", description = "A GGUF file or a model directory.")
    private Path source;

    @Parameters(index = "1", paramLabel = "OUT", description = "What to write; must not exist.")
    private Path target;

    @Option(names = "--scheme", required = true, paramLabel = "NAME", description = "The format of the matrices.")
    private String scheme;

    @Option(names = "--plan", paramLabel = "FILE", description = "quant_plan.json: formats of single modules (directories).")
    private Path plan;

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
        return Files.isDirectory(source) ? directory(console) : file(console);
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
