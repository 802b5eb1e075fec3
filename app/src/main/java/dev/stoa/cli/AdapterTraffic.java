// SPDX-License-Identifier: Apache-2.0
package dev.stoa.cli;

import dev.stoa.adapter.AdapterSet;
import dev.stoa.generate.AdapterPool;
import dev.stoa.generate.Compose;
import dev.stoa.generate.Context;
import dev.stoa.generate.Engine;
import dev.stoa.generate.GenerateConfig;
import dev.stoa.generate.GenerateRequest;
import dev.stoa.generate.Generator;
import dev.stoa.generate.LoadConfig;
import dev.stoa.model.Decoder;
import dev.stoa.model.SyntheticAdapter;
import dev.stoa.tensor.DType;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;
import java.util.stream.Stream;

/// Many adapters in the pool of an engine, and requests that name them by Zipf's law: the k-th is asked for 1/k times as often
/// as the first. Their files are copies of one that differ in a few values, in a directory of their own that [#close] removes.
/// Owned by one thread.
final class AdapterTraffic implements AutoCloseable {
    private static final int PROMPT = 4;
    /// Values that differ, and how far from a file's end they lie.
    private static final int CHANGED_BYTES = 2;
    private static final int FROM_END = 4096;
    private final SpeedModel model;
    private final Engine engine;
    private final Decoder decoder;
    private final Path directory;
    private final int tokens;

    /// Writes and loads `count` adapters for the model at `base`; `running` requests of `tokens` tokens run at once.
    AdapterTraffic(SpeedModel model, Path base, int count, int rank, DType factors, int running, int tokens) throws IOException {
        this.model = model;
        this.tokens = tokens;
        directory = Files.createTempDirectory("stoa-adapters");
        decoder = new Decoder(model.model());
        engine = Engine.of(model.model(), null, LoadConfig.of(null).withContext(PROMPT + tokens + 1).withPrefixBytes(0).withKvBytes(SpeedModel.KV_BYTES)
                .withConcurrency(running, 4096), model.ledger());
        try {
            Path first = directory.resolve("0.gguf");
            SyntheticAdapter.write(base, rank, factors, 1, first);
            for (int i = 0; i < count; i++) {
                Path file = directory.resolve(i + ".gguf");
                if (i > 0) copy(first, file, i);
                engine.adapters().load(name(i), file);
            }
        } catch (IOException | RuntimeException failure) {
            close();
            throw failure;
        }
    }

    private static String name(int index) {
        return "adapter-" + index;
    }

    /// A copy that is another adapter: the low bits of some values are the digits of `index`.
    private static void copy(Path from, Path to, int index) throws IOException {
        Files.copy(from, to);
        try (RandomAccessFile file = new RandomAccessFile(to.toFile(), "rw")) {
            for (int digit = 0; digit < CHANGED_BYTES; digit++) {
                file.seek(file.length() - FROM_END + 4L * digit);
                int old = file.read();
                file.seek(file.length() - FROM_END + 4L * digit);
                file.write(old ^ index >> 7 * digit & 0x7f);
            }
        }
    }

    /// The rate of `requests` requests on the first `distinct` adapters.
    SpeedModel.Sample run(int distinct, int requests, long seed) {
        double[] shares = new double[distinct];
        double sum = 0;
        for (int i = 0; i < distinct; i++) shares[i] = sum += 1.0 / (i + 1);
        SplittableRandom random = new SplittableRandom(seed);
        List<AdapterPool.Lease> leases = new ArrayList<>();
        try {
            List<GenerateRequest> all = new ArrayList<>();
            for (int r = 0; r < requests; r++) {
                double drawn = random.nextDouble() * sum;
                int chosen = 0;
                while (chosen < distinct - 1 && shares[chosen] < drawn) chosen++;
                AdapterPool.Lease lease = engine.adapters().acquire(name(chosen));
                leases.add(lease);
                int[] prompt = random.ints(PROMPT, 0, model.model().spec().vocab()).toArray();
                GenerateConfig greedy = new GenerateConfig(tokens, 0, 0, 1, 0, 0L, List.of(), true, -1);
                all.add(new GenerateRequest(prompt, greedy, AdapterSet.of(lease.adapter()), Compose.SUM, 5));
            }
            long start = System.nanoTime();
            int hash = 1;
            for (Generator.Generation one : engine.generateAll(all, Context.NONE)) hash = 31 * hash + Arrays.hashCode(one.tokens());
            return new SpeedModel.Sample(requests * tokens, (System.nanoTime() - start) / 1e9, hash);
        } finally {
            leases.forEach(AdapterPool.Lease::close);
        }
    }

    /// Seconds from a name to rows that carry its adapter, again and again for another name: a lease, a set, and what the
    /// decoder arranges when the rows of a batch change theirs. Nothing is loaded.
    List<Double> swaps(int count, int rows, int distinct) {
        List<Double> seconds = new ArrayList<>();
        AdapterSet[] sets = new AdapterSet[rows];
        Arrays.fill(sets, AdapterSet.BASE);
        List<AdapterPool.Lease> leases = new ArrayList<>();
        SplittableRandom random = new SplittableRandom(1);
        for (int i = 0; i < count; i++) {
            String wanted = name(random.nextInt(distinct));
            long start = System.nanoTime();
            AdapterPool.Lease lease = engine.adapters().acquire(wanted);
            sets[i % rows] = AdapterSet.of(lease.adapter());
            decoder.arrange(sets, rows);
            seconds.add((System.nanoTime() - start) / 1e9);
            leases.add(lease);
            if (leases.size() > rows) leases.removeFirst().close();
        }
        leases.forEach(AdapterPool.Lease::close);
        return seconds;
    }

    @Override
    public void close() throws IOException {
        engine.close();
        try (Stream<Path> files = Files.list(directory)) {
            for (Path file : files.toList()) Files.delete(file);
        }
        Files.delete(directory);
    }
}
