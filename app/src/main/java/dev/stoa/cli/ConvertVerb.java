// SPDX-License-Identifier: Apache-2.0
package dev.stoa.cli;

import dev.stoa.AppFault;
import dev.stoa.Fault;
import dev.stoa.format.ModelConverter;
import dev.stoa.model.AdapterConverter;
import dev.stoa.model.AdapterConverter.Dialect;
import dev.stoa.tensor.DType;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/// `stoa convert IN OUT`: an adapter into another dialect, or a model directory into plain float weights.
@Command(name = "convert", sortOptions = false, description = "Write an adapter or a model in another format.",
        footer = {"", "An adapter needs --base: only names and shapes of it are read. A model directory can be written with plain",
            "float weights (--to safetensors), whatever its weights were.", "", "Examples:",
            "  stoa convert adapter adapter.gguf --to gguf --base DIR", "  stoa convert mlx-adapter peft-adapter --to peft --base DIR",
            "  stoa convert quantized-model DIR --to safetensors --dtype bf16"})
final class ConvertVerb implements Callable<Integer> {
    private final Session session;

    @Parameters(index = "0", paramLabel = "IN", description = "An adapter (directory or .gguf) or a model directory.")
    private Path source;

    @Parameters(index = "1", paramLabel = "OUT", description = "What to write; must not exist.")
    private Path target;

    @Option(names = "--to", required = true, paramLabel = "FORMAT", description = "peft, mlx, gguf (adapters) or safetensors (models).")
    private String to;

    @Option(names = "--base", paramLabel = "MODEL", description = "The adapter's base: a model directory or GGUF file.")
    private Path base;

    @Option(names = "--dtype", paramLabel = "TYPE", description = "f32, f16, bf16; for GGUF adapters also q8_0.")
    private String dtype;

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
        return format.equals("safetensors") ? model(console) : adapter(console, Dialect.valueOf(format.toUpperCase(Locale.ROOT)));
    }

    private int adapter(Console console, Dialect dialect) throws IOException {
        if (base == null) {
            throw Fault.of(AppFault.USAGE, "an adapter is converted for its base").expected("--base MODEL").next("name the base").exception();
        }
        DType type = type(dialect == Dialect.GGUF ? List.of(DType.F32, DType.F16, DType.BF16, DType.Q8_0) : List.of(DType.F32), DType.F32);
        AdapterConverter.Result result = AdapterConverter.convert(source, base, target, dialect, type);
        for (String name : result.keptF32()) console.say("%s stays F32: its rows do not fill %s blocks", name, type);
        console.line("%s: %d modules, %s", target, result.modules(), result.sameBits() || result.error() == 0 ? "exact"
                : "largest relative error of a dense update %.1e".formatted(result.error()));
        console.result(Map.of("out", target.toString(), "modules", result.modules(), "exact", result.sameBits(), "max_relative_error", result.error(),
                "kept_f32", result.keptF32()));
        return ExitCode.DONE.number;
    }

    private int model(Console console) throws IOException {
        if (Files.isRegularFile(source)) {
            throw Fault.of(AppFault.USAGE, "GGUF models are not turned into directories").where(source)
                    .next("use the file as it is: every verb reads GGUF models").exception();
        }
        DType type = type(List.of(DType.F32, DType.F16, DType.BF16), null);
        ModelConverter.Result result = ModelConverter.convert(source, target, type);
        console.line("%s: %d tensors, %d decoded, %.1f MB", target, result.tensors(), result.decoded(), result.bytes() / 1e6);
        console.result(Map.of("out", target.toString(), "tensors", result.tensors(), "decoded", result.decoded(), "bytes", result.bytes()));
        return ExitCode.DONE.number;
    }

    private DType type(List<DType> allowed, DType fallback) {
        if (dtype == null) return fallback;
        for (DType type : allowed) if (type.name().equalsIgnoreCase(dtype)) return type;
        throw Fault.of(AppFault.USAGE, "unknown type").got(dtype).expected(allowed).next("stoa convert --help").exception();
    }
}
