// SPDX-License-Identifier: Apache-2.0
package dev.stoa.cli;

import dev.stoa.AppFault;
import dev.stoa.Fault;
import dev.stoa.adapter.AdapterFiles;
import dev.stoa.model.AdapterConverter;
import dev.stoa.model.AdapterConverter.Dialect;
import dev.stoa.model.convert.ModelConversion;
import dev.stoa.model.convert.ModelConversion.Target;
import dev.stoa.tensor.DType;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/// `stoa convert IN OUT`: an adapter into another dialect, or a whole model into another layout.
@Command(name = "convert", sortOptions = false, description = "Write an adapter or a model in another format.",
        footer = {"", "An adapter needs --base: only names and shapes of it are read. A model (a",
            "Hugging Face or MLX directory, or a GGUF file) becomes a directory that",
            "transformers reads (--to safetensors) or mlx-lm reads (--to mlx), or a GGUF",
            "file (--to gguf), with its tokenizer and chat template. A model that the other",
            "layout cannot express is refused with all reasons.", "", "Examples:",
            "  stoa convert adapter adapter.gguf --to gguf --base DIR", "  stoa convert DIR model.gguf --to gguf",
            "  stoa convert model.gguf DIR --to safetensors --dtype bf16"})
final class ConvertVerb implements Callable<Integer> {
    private final Session session;

    @Parameters(index = "0", paramLabel = "IN", description = "An adapter or a model: a directory or a .gguf file.")
    private Path source;

    @Parameters(index = "1", paramLabel = "OUT", description = "What to write; must not exist.")
    private Path target;

    @Option(names = "--to", required = true, paramLabel = "FORMAT", description = "peft, mlx, gguf or safetensors.")
    private String to;

    @Option(names = "--base", paramLabel = "MODEL", description = "The base of an adapter: a model directory or GGUF file.")
    private Path base;

    @Option(names = "--dtype", paramLabel = "TYPE", description = "f32, f16, bf16; for GGUF adapters also q8_0.")
    private String dtype;

    @Mixin
    private AdapterOptions adapter;

    @Option(names = "--without-tokenizer", description = "Models: leave tokenizer and template behind.")
    private boolean withoutTokenizer;

    ConvertVerb(Session session) {
        this.session = session;
    }

    @Override
    public Integer call() throws IOException {
        Console console = session.console("convert");
        String format = to.toLowerCase(Locale.ROOT);
        if (!List.of("peft", "mlx", "gguf", "safetensors").contains(format)) {
            throw Fault.of(AppFault.USAGE, "unknown format").got(to).expected("peft, mlx, gguf or safetensors").next("stoa convert --help").exception();
        }
        if (base == null && !format.equals("peft") && isModel()) return model(console, Target.valueOf(format.toUpperCase(Locale.ROOT)));
        if (format.equals("safetensors")) return model(console, Target.SAFETENSORS);
        return adapter(console, Dialect.valueOf(format.toUpperCase(Locale.ROOT)));
    }

    /// Whether the source is a whole model rather than an adapter.
    private boolean isModel() throws IOException {
        return (Files.isRegularFile(source) || Files.exists(source.resolve("config.json"))) && !AdapterFiles.present(source);
    }

    private int adapter(Console console, Dialect dialect) throws IOException {
        if (base == null) {
            throw Fault.of(AppFault.USAGE, "an adapter is converted for its base").expected("--base MODEL").next("name the base").exception();
        }
        DType type = type(dialect == Dialect.GGUF ? List.of(DType.F32, DType.F16, DType.BF16, DType.Q8_0) : List.of(DType.F32), DType.F32);
        AdapterConverter.Result result = AdapterConverter.convert(source, base, target, dialect, type, adapter.read());
        for (String name : result.keptF32()) console.say("%s stays F32: its rows do not fill %s blocks", name, type);
        console.line("%s: %d modules, %s", target, result.modules(), result.sameBits() || result.error() == 0 ? "exact"
                : "largest relative error of a dense update %.1e".formatted(result.error()));
        console.result(Map.of("out", target.toString(), "modules", result.modules(), "exact", result.sameBits(), "max_relative_error", result.error(),
                "kept_f32", result.keptF32()));
        return ExitCode.DONE.number;
    }

    private int model(Console console, Target layout) throws IOException {
        DType type = type(List.of(DType.F32, DType.F16, DType.BF16), null);
        ModelConversion.Result result = ModelConversion.convert(source, target, layout, type, withoutTokenizer);
        for (String note : result.notes()) console.say("%s", note);
        console.line("%s: %d tensors, %d decoded, %.1f MB", target, result.tensors(), result.decoded(), result.bytes() / 1e6);
        console.result(Map.of("out", target.toString(), "tensors", result.tensors(), "decoded", result.decoded(), "bytes", result.bytes(),
                "notes", result.notes()));
        return ExitCode.DONE.number;
    }

    private DType type(List<DType> allowed, DType fallback) {
        if (dtype == null) return fallback;
        for (DType type : allowed) if (type.name().equalsIgnoreCase(dtype)) return type;
        throw Fault.of(AppFault.USAGE, "unknown type").got(dtype).expected(allowed).next("stoa convert --help").exception();
    }
}
