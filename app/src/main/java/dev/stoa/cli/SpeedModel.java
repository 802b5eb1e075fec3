// SPDX-License-Identifier: Apache-2.0
package dev.stoa.cli;

import dev.stoa.adapter.Adapter;
import dev.stoa.adapter.AdapterSet;
import dev.stoa.cache.CacheStack;
import dev.stoa.format.ModelFiles;
import dev.stoa.generate.Compose;
import dev.stoa.generate.Context;
import dev.stoa.generate.Engine;
import dev.stoa.generate.GenerateConfig;
import dev.stoa.generate.GenerateRequest;
import dev.stoa.generate.Generator;
import dev.stoa.generate.LoadConfig;
import dev.stoa.kernel.KernelProvider;
import dev.stoa.kernel.Kernels;
import dev.stoa.model.AdapterLoader;
import dev.stoa.model.Arithmetic;
import dev.stoa.model.Batch;
import dev.stoa.model.Decoder;
import dev.stoa.model.Model;
import dev.stoa.model.SyntheticAdapter;
import dev.stoa.model.Workspace;
import dev.stoa.tensor.DType;
import dev.stoa.tensor.Ledger;
import dev.stoa.tensor.Scope;
import dev.stoa.tensor.Tensor;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;

/// A model whose steps are timed: forward passes and the choice of the largest logit, without queue, text or stream. What
/// llama.cpp does in `llama_decode`. Owned by one thread.
final class SpeedModel implements AutoCloseable {
    private static final int WARM_STEPS = 4;
    private static final int CHUNK = 512;
    private static final int PROMPT = 4;

    /// One timed run: tokens, seconds, a hash of the ids that were chosen.
    record Sample(int tokens, double seconds, int hash) {
        double rate() {
            return tokens / seconds;
        }
    }

    private final Ledger ledger = new Ledger();
    private final Scope scope = ledger.scope("bench");
    private final Kernels kernels;
    private final Model model;
    private final Decoder decoder;
    private final Batch batch;
    private final Workspace workspace;
    private final List<CacheStack> caches = new ArrayList<>();
    private final int context;
    private Engine engine;

    /// Loads the model as a server does. At most `rows` sequences of `context` tokens run at once.
    SpeedModel(Path path, String kernelChoice, int threads, int rows, int context) throws IOException {
        kernels = KernelProvider.open(kernelChoice, threads);
        try {
            model = Model.load(ModelFiles.openWithoutTokenizer(path, scope), kernels, scope, Arithmetic.INTEGER, scope);
            if (model.spec().head() == null) throw new IllegalArgumentException("an encoder generates no tokens");
            decoder = new Decoder(model);
            int layers = model.spec().layers().size();
            int most = Math.max(rows, Math.min(context, CHUNK));
            batch = new Batch(layers, most, rows);
            workspace = decoder.workspace(most, rows, scope);
            this.context = context;
            for (int i = 0; i < rows; i++) caches.add(new CacheStack(decoder.cacheShapes(), context, ledger));
        } catch (IOException | RuntimeException failure) {
            close();
            throw failure;
        }
    }

    Kernels kernels() {
        return kernels;
    }

    Model model() {
        return model;
    }

    Ledger ledger() {
        return ledger;
    }

    Scope scope() {
        return scope;
    }

    /// One token of each row per step, `steps` timed ones after `before` tokens of prompt and a few others; `sets` has one entry
    /// for all rows or one each.
    Sample decode(int rows, int before, int steps, List<AdapterSet> sets) {
        for (int r = 0; r < rows; r++) prompt(caches.get(r), before, sets.get(r % sets.size()));
        int[] next = new int[rows];
        for (int r = 0; r < rows; r++) next[r] = (1000 + 7919 * r) % model.spec().vocab();
        int hash = 1;
        long start = 0;
        for (int step = 0; step < WARM_STEPS + steps; step++) {
            if (step == WARM_STEPS) start = System.nanoTime();
            batch.clear();
            for (int r = 0; r < rows; r++) {
                batch.wantLogits(batch.add(next[r], before + step, caches.get(r), sets.get(r % sets.size())));
            }
            decoder.forward(batch, workspace);
            Tensor logits = workspace.logits(rows);
            for (int r = 0; r < rows; r++) {
                next[r] = best(logits, r);
                hash = 31 * hash + next[r];
            }
        }
        return new Sample(rows * steps, (System.nanoTime() - start) / 1e9, hash);
    }

    /// One prompt of `tokens` ids, in pieces of at most 512, with the logits of its last.
    Sample prefill(int tokens, AdapterSet set) {
        long start = System.nanoTime();
        prompt(caches.getFirst(), tokens, set);
        int chosen = best(workspace.logits(1), 0);
        return new Sample(tokens, (System.nanoTime() - start) / 1e9, chosen);
    }

    private void prompt(CacheStack cache, int tokens, AdapterSet set) {
        cache.truncate(0);
        int[] ids = new SplittableRandom(1).ints(tokens, 0, model.spec().vocab()).toArray();
        for (int from = 0; from < tokens; from += CHUNK) {
            batch.clear();
            for (int i = from; i < Math.min(tokens, from + CHUNK); i++) {
                int row = batch.add(ids[i], i, cache, set);
                if (i == tokens - 1) batch.wantLogits(row);
            }
            decoder.forward(batch, workspace);
        }
    }

    /// One greedy request through the engine, as a server runs it: `steps` tokens after the first. Its rate is that of
    /// tokens that follow one another.
    Sample request(int steps, AdapterSet experts, Compose compose) {
        if (engine == null) engine = Engine.of(model, null, LoadConfig.of(null).withContext(context).withPrefixBytes(0), ledger);
        int[] prompt = new int[PROMPT];
        for (int i = 0; i < prompt.length; i++) prompt[i] = Math.floorMod(i * 7919 + 13, model.spec().vocab());
        GenerateConfig greedy = new GenerateConfig(steps + 1, 0, 0, 1, 0, 0L, List.of(), true, -1);
        Generator.Generation done = engine.generate(new GenerateRequest(prompt, greedy, experts, compose, 5), Context.NONE);
        return new Sample(steps, (done.usage().totalMs() - done.usage().firstTokenMs()) / 1e3, Arrays.hashCode(done.tokens()));
    }

    private static int best(Tensor logits, int row) {
        int vocab = logits.cols();
        long from = (long) row * vocab;
        int best = 0;
        float largest = Float.NEGATIVE_INFINITY;
        for (int i = 0; i < vocab; i++) {
            float value = logits.get(from + i);
            if (value > largest) {
                largest = value;
                best = i;
            }
        }
        return best;
    }

    AdapterSet adapter(Path path) throws IOException {
        return AdapterSet.of(AdapterLoader.read(path, model, scope));
    }

    /// A random adapter on all linear layers but the head, its factors F32, F16 or BF16.
    Adapter randomAdapter(int rank, DType factors, long seed) {
        return SyntheticAdapter.of(model.linearShapes(), rank, factors, seed, scope);
    }

    /// Bytes of all matrices that every step reads, as they are stored.
    long weightBytes() {
        long sum = 0;
        for (String path : model.linearShapes().keySet()) sum += weight(path).bytes();
        return sum;
    }

    /// Multiplications and additions of one token: in the layers, and in the head.
    double[] operations() {
        double[] sums = new double[2];
        model.linearShapes().forEach((path, shape) -> sums[path.equals("lm_head") ? 1 : 0] += 2.0 * shape[0] * shape[1]);
        return sums;
    }

    private Tensor weight(String path) {
        return model.weight(path.equals("lm_head") ? model.spec().headWeight() : path + ".weight");
    }

    static double median(List<Double> values) {
        double[] sorted = values.stream().mapToDouble(Double::doubleValue).toArray();
        Arrays.sort(sorted);
        int n = sorted.length;
        return n % 2 == 1 ? sorted[n / 2] : (sorted[n / 2 - 1] + sorted[n / 2]) / 2;
    }

    @Override
    public void close() {
        if (engine != null) engine.close();
        for (CacheStack cache : caches) cache.close();
        kernels.close();
        scope.close();
    }
}
