// SPDX-License-Identifier: Apache-2.0
package dev.stoa.cli;

import dev.stoa.AppFault;
import dev.stoa.EngineFault;
import dev.stoa.Fault;
import dev.stoa.adapter.Adapter;
import dev.stoa.adapter.AdapterSet;
import dev.stoa.cache.CacheStack;
import dev.stoa.format.ModelFiles;
import dev.stoa.format.SafetensorsWriter;
import dev.stoa.kernel.KernelProvider;
import dev.stoa.kernel.Kernels;
import dev.stoa.model.AdapterLoader;
import dev.stoa.model.Batch;
import dev.stoa.model.Decoder;
import dev.stoa.model.DoraFactors;
import dev.stoa.model.Embeddings;
import dev.stoa.model.Model;
import dev.stoa.model.Workspace;
import dev.stoa.tensor.Ledger;
import dev.stoa.tensor.Scope;
import dev.stoa.tensor.Tensor;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/// `stoa bench logits`: what a model computes for raw ids, for comparing it with another implementation.
@Command(name = "logits", sortOptions = false, description = "Write the logits of raw token ids.",
        footer = {"", "Examples:", "  stoa bench logits --model DIR --tokens 1,2,3 --all --out logits.safetensors",
            "  stoa bench logits --model model.gguf --tokens 1,2,3 --adapter A --adapter B=0.5 --out logits.safetensors"})
final class BenchLogitsVerb implements Callable<Integer> {
    private static final int CHUNK = 512;
    private static final int MOST_ADAPTERS = 4;
    private final Session session;

    @Option(names = "--model", required = true, paramLabel = "DIR|FILE", description = "A model directory or a GGUF file.")
    private Path model;

    @Option(names = "--tokens", required = true, split = ",", paramLabel = "IDS", description = "Token ids; nothing is added to them.")
    private List<Integer> tokens;

    @Option(names = "--all", description = "Logits of every position instead of the last.")
    private boolean all;

    @Option(names = "--adapter", paramLabel = "DIR|FILE[=WEIGHT]",
            description = "An adapter to mount, in PEFT, MLX or GGUF form; up to four.")
    private List<String> adapters = List.of();

    @Mixin
    private AdapterOptions adapterOptions;

    @Option(names = "--kernels", paramLabel = "NAME", defaultValue = "auto", description = "auto, foreign, vector or scalar.")
    private String kernels;

    @Option(names = "--threads", paramLabel = "N", defaultValue = "0", description = "Compute threads (0: one per processor).")
    private int threads;

    @Option(names = "--out", required = true, paramLabel = "FILE",
            description = "Safetensors: logits [T, vocab] or [1, vocab]; for encoders hidden [T, hidden] and embedding [1, hidden].")
    private Path out;

    BenchLogitsVerb(Session session) {
        this.session = session;
    }

    @Override
    public Integer call() throws IOException {
        Console console = session.console("bench logits");
        Ledger ledger = new Ledger();
        try (Kernels chosen = KernelProvider.open(kernels, threads > 0 ? threads : Runtime.getRuntime().availableProcessors());
                Scope scope = ledger.scope("bench")) {
            Model loaded = load(chosen, scope);
            check(loaded);
            Map<String, Tensor> results = run(loaded, mounted(loaded, scope), ledger);
            SafetensorsWriter.write(out, results, Map.of());
            Map<String, Object> facts = new LinkedHashMap<>();
            facts.put("kernels", chosen.reason());
            results.forEach((name, tensor) -> facts.put(name, tensor.describe()));
            console.line("%s: %s", out, facts);
            console.result(facts);
            return ExitCode.DONE.number;
        }
    }

    private Model load(Kernels chosen, Scope scope) throws IOException {
        return Model.load(ModelFiles.openWithoutTokenizer(model, scope), chosen, scope);
    }

    private void check(Model loaded) {
        int vocab = loaded.spec().vocab();
        for (int token : tokens) {
            if (token >= 0 && token < vocab) continue;
            throw Fault.of(EngineFault.OUT_OF_RANGE, "a token id is not in the vocabulary").where("--tokens").got(token)
                    .expected("0 to " + (vocab - 1)).exception();
        }
        if (tokens.size() > loaded.spec().maxContext()) {
            throw Fault.of(EngineFault.CONTEXT_LENGTH_EXCEEDED, "there are more tokens than the model has positions").where("--tokens")
                    .got(tokens.size()).expected("at most " + loaded.spec().maxContext()).exception();
        }
    }

    private AdapterSet mounted(Model loaded, Scope scope) throws IOException {
        if (adapters.size() > MOST_ADAPTERS) {
            throw Fault.of(EngineFault.TOO_MANY_EXPERTS, "too many adapters").got(adapters.size()).expected("at most " + MOST_ADAPTERS).exception();
        }
        List<AdapterSet.Member> members = new ArrayList<>();
        for (String argument : adapters) {
            int equals = Files.exists(Path.of(argument)) ? -1 : argument.lastIndexOf('=');
            Path path = Path.of(equals < 0 ? argument : argument.substring(0, equals));
            Adapter adapter = AdapterLoader.read(path, loaded, adapterOptions.read(), scope);
            members.add(new AdapterSet.Member(adapter, equals < 0 ? 1 : weight(argument.substring(equals + 1))));
        }
        AdapterSet set = new AdapterSet(members);
        DoraFactors.checkTogether(set);
        return set;
    }

    private static double weight(String text) {
        try {
            return Double.parseDouble(text);
        } catch (NumberFormatException notANumber) {
            throw Fault.of(AppFault.USAGE, "a weight is not a number").where("--adapter").got(text).expected("DIR=0.5").causedBy(notANumber);
        }
    }

    /// The named results; encoders see all tokens at once, decoders in pieces.
    private Map<String, Tensor> run(Model loaded, AdapterSet set, Ledger ledger) {
        Decoder decoder = new Decoder(loaded);
        boolean encoder = loaded.spec().head() == null;
        int count = tokens.size();
        int piece = encoder ? count : Math.min(count, CHUNK);
        int layers = loaded.spec().layers().size();
        int width = encoder ? loaded.spec().hidden() : loaded.spec().vocab();
        float[][] rows = new float[count][];
        try (Scope scope = ledger.scope("run"); CacheStack state = new CacheStack(decoder.cacheShapes(), count, ledger)) {
            Workspace workspace = decoder.workspace(piece, encoder || !all ? 1 : piece, scope);
            Batch batch = new Batch(layers, piece, encoder || !all ? 1 : piece);
            for (int from = 0; from < count; from += piece) {
                batch.clear();
                int end = Math.min(count, from + piece);
                for (int i = from; i < end; i++) {
                    int row = batch.add(tokens.get(i), i, state, set);
                    if (encoder) batch.wantResidual(row, layers - 1);
                    else if (all || i == count - 1) batch.wantLogits(row);
                }
                decoder.forward(batch, workspace);
                for (int i = from; i < end; i++) {
                    if (encoder) rows[i] = batch.residual(i);
                    else if (all) rows[i] = workspace.logits(end - from).slice(i - from, i - from + 1).toArray();
                    else if (i == count - 1) rows[i] = workspace.logits(1).toArray();
                }
            }
        }
        Map<String, Tensor> results = new TreeMap<>();
        if (!encoder) {
            results.put("logits", all ? table(rows, width) : table(new float[][] {rows[count - 1]}, width));
        } else {
            results.put("hidden", table(rows, width));
            results.put("embedding", table(new float[][] {Embeddings.mean(rows)}, width));
        }
        return results;
    }

    private static Tensor table(float[][] rows, int width) {
        float[] values = new float[Math.multiplyExact(rows.length, width)];
        for (int r = 0; r < rows.length; r++) System.arraycopy(rows[r], 0, values, r * width, width);
        return Tensor.of(values, rows.length, width);
    }
}
