// SPDX-License-Identifier: Apache-2.0
package dev.stoa.cli;

import dev.stoa.AppFault;
import dev.stoa.Fault;
import dev.stoa.model.SyntheticAdapter;
import dev.stoa.model.convert.SyntheticModel;
import dev.stoa.tensor.DType;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Map;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/// `stoa bench synth`: a model of random weights in a real shape, or an adapter for one, for measuring speed without a download.
@Command(name = "synth", sortOptions = false, description = "Write a model of random weights in the shape of a config, or an adapter for a model.",
        footer = {"", "Formats per tensor are those of llama.cpp's quantizer: the head, or the table that serves as", "head, in Q6_K beside 4-bit matrices; one format for all with --pure.",
            "", "Examples:", "  stoa bench synth --config bench/shapes/qwen3-0.6b.json --quant Q4_0 --out q4.gguf",
            "  stoa bench synth --config DIR --quant Q4_K_M --out q4km.gguf",
            "  stoa bench synth --adapter-of q4.gguf --rank 16 --factors F16 --out adapter.gguf"})
final class BenchSynthVerb implements Callable<Integer> {
    private final Session session;

    @Option(names = "--config", paramLabel = "DIR|FILE", description = "A config.json, or a directory with one.")
    private Path config;

    @Option(names = "--quant", paramLabel = "NAME", description = "Q4_0, Q8_0, Q4_K, Q4_K_M, Q6_K, MXFP4, BF16, F16, F32, ...")
    private String quant;

    @Option(names = "--adapter-of", paramLabel = "DIR|FILE", description = "Instead: an adapter on all linear layers of this model but the head.")
    private Path base;

    @Option(names = "--rank", defaultValue = "8", paramLabel = "N", description = "Rank of the adapter (default: ${DEFAULT-VALUE}).")
    private int rank;

    @Option(names = "--factors", defaultValue = "BF16", paramLabel = "TYPE", description = "Its type: F32, F16 or BF16 (default: ${DEFAULT-VALUE}).")
    private DType factors;

    @Option(names = "--pure", description = "No exception for token table and head.")
    private boolean pure;

    @Option(names = "--seed", defaultValue = "1", paramLabel = "N", description = "Other weights with another number (default: ${DEFAULT-VALUE}).")
    private long seed;

    @Option(names = "--out", required = true, paramLabel = "FILE", description = "The file to write; must not exist. An adapter that does not end in .gguf is a PEFT directory.")
    private Path out;

    BenchSynthVerb(Session session) {
        this.session = session;
    }

    @Override
    public Integer call() throws IOException {
        Console console = session.console("bench synth");
        if (base != null) return adapter(console);
        if (config == null || quant == null) {
            throw Fault.of(AppFault.USAGE, "what to write is missing").expected("--config and --quant, or --adapter-of").next("stoa bench synth --help").exception();
        }
        SyntheticModel.Result result = SyntheticModel.write(config, out, quant, pure, seed);
        console.line("%s: %d tensors, %.1f M parameters, %.1f MB of weights", out, result.tensors(), result.parameters() / 1e6, result.bytes() / 1e6);
        console.result(Map.of("out", out.toString(), "quant", quant, "pure", pure, "seed", seed, "tensors", result.tensors(),
                "parameters", result.parameters(), "bytes", result.bytes()));
        return ExitCode.DONE.number;
    }

    private int adapter(Console console) throws IOException {
        BenchSpeedVerb.checkFactors(rank, factors);
        int modules = SyntheticAdapter.write(base, rank, factors, seed, out);
        console.line("%s: an adapter of rank %d on %d layers, factors %s", out, rank, modules, factors);
        console.result(Map.of("out", out.toString(), "rank", rank, "factors", factors.name(), "seed", seed, "modules", modules));
        return ExitCode.DONE.number;
    }
}
