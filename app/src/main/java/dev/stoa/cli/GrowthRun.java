// SPDX-License-Identifier: Apache-2.0
package dev.stoa.cli;

import com.sun.management.ThreadMXBean;
import dev.stoa.adapter.AdapterSet;
import dev.stoa.format.Sha256;
import dev.stoa.generate.Compose;
import dev.stoa.generate.Context;
import dev.stoa.generate.Engine;
import dev.stoa.generate.Event;
import dev.stoa.generate.GenerateConfig;
import dev.stoa.generate.GenerateRequest;
import dev.stoa.generate.LoadConfig;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.function.BiConsumer;

/// One answer of a given length by an engine that was opened for it, and what memory that took.
///
/// @param tokens generated
/// @param peakBytes native memory at its highest, mapped files not counted
/// @param plannedBytes of the sequence's caches
/// @param weightBytes native memory before the request
/// @param residualBytes native memory, mapped files included, after the engine was closed
/// @param heapBytes of the Java heap after that and a collection
/// @param allocatedPerToken heap bytes that all threads together allocated for each token of the second half
/// @param hash of the ids
record GrowthRun(int tokens, long peakBytes, long plannedBytes, long weightBytes, long residualBytes, long heapBytes, double allocatedPerToken,
        double tokensPerSecond, String hash) {
    private static final int PROMPT = 32;
    private static final ThreadMXBean THREADS = (ThreadMXBean) ManagementFactory.getThreadMXBean();

    /// Memory that is neither planned for the caches nor was there before.
    long overheadBytes() {
        return peakBytes - plannedBytes - weightBytes;
    }

    /// Counts events on the engine's thread, without a list of them.
    private static final class Meter {
        private final Engine engine;
        private final BiConsumer<Engine, Event> sink;
        private final ByteBuffer ids;
        private final int half;
        final CompletableFuture<Void> done = new CompletableFuture<>();
        private int count;
        private long firstNanos;
        long halfBytes;
        long endBytes;
        double seconds;

        Meter(Engine engine, int tokens, BiConsumer<Engine, Event> sink) {
            this.engine = engine;
            this.sink = sink;
            this.ids = ByteBuffer.allocate(4 * tokens);
            this.half = Math.max(1, tokens / 2);
        }

        void accept(Event event) {
            if (event instanceof Event.Token token) {
                if (count++ == 0) firstNanos = System.nanoTime();
                if (count == half) halfBytes = THREADS.getTotalThreadAllocatedBytes();
                ids.putInt(token.id());
                if (!ids.hasRemaining()) {
                    endBytes = THREADS.getTotalThreadAllocatedBytes();
                    seconds = (System.nanoTime() - firstNanos) / 1e9;
                }
            }
            sink.accept(engine, event);
            if (event instanceof Event.Finished) done.complete(null);
            if (event instanceof Event.Failed failed) done.completeExceptionally(failed.fault().exception());
        }
    }

    /// Opens an engine, lets it generate `tokens` tokens, greedily or with a seed, closes it. `sink` sees every event on the engine's thread.
    static GrowthRun measure(LoadConfig config, int tokens, boolean sampled, BiConsumer<Engine, Event> sink) throws IOException {
        Engine engine = Engine.open(config.withContext(PROMPT + tokens).withPrefixBytes(0).withConcurrency(1, 1));
        Meter meter = new Meter(engine, tokens, sink);
        long weights, peak, planned;
        try (engine) {
            int vocab = engine.model().spec().vocab();
            int[] prompt = new int[PROMPT];
            for (int i = 0; i < PROMPT; i++) prompt[i] = Math.floorMod(i * 7919 + 13, vocab);
            weights = engine.ledger().activeBytes();
            planned = engine.cacheBytes(PROMPT + tokens);
            engine.ledger().resetPeak();
            GenerateConfig wish = new GenerateConfig(tokens, sampled ? 0.8 : 0, sampled ? 40 : 0, sampled ? 0.95 : 1, 0, 7L, List.of(), true, -1);
            engine.submit(new GenerateRequest(prompt, wish, AdapterSet.BASE, Compose.SUM, 5), Context.NONE, meter::accept);
            meter.done.join();
            peak = engine.ledger().peakBytes();
        }
        System.gc();
        Runtime runtime = Runtime.getRuntime();
        return new GrowthRun(tokens, peak, planned, weights, engine.ledger().activeBytes() + engine.ledger().mappedBytes(),
                runtime.totalMemory() - runtime.freeMemory(), (meter.endBytes - meter.halfBytes) / (double) (tokens - meter.half), tokens / meter.seconds,
                Sha256.hex(meter.ids.array()));
    }

    /// What is wrong with answers of one mode, by rising length; empty when memory is flat (engine-state.md, section 3).
    static List<String> problems(List<GrowthRun> runs) {
        List<String> problems = new ArrayList<>();
        long least = Long.MAX_VALUE, most = Long.MIN_VALUE, peak = 0;
        for (GrowthRun run : runs) {
            least = Math.min(least, run.overheadBytes());
            most = Math.max(most, run.overheadBytes());
            peak = Math.max(peak, run.peakBytes());
            if (run.residualBytes() != 0) problems.add("%d tokens: %d bytes are still held after the engine was closed".formatted(run.tokens(), run.residualBytes()));
        }
        if (most - least > peak / 100) problems.add("memory beside the planned caches grows by %d bytes, more than 1 %% of the peak of %d".formatted(most - least, peak));
        GrowthRun last = runs.getLast();
        if (last.heapBytes() - runs.getFirst().heapBytes() > 1 << 20) {
            problems.add("the heap holds %d bytes more after %d tokens than after %d".formatted(last.heapBytes() - runs.getFirst().heapBytes(), last.tokens(),
                    runs.getFirst().tokens()));
        }
        if (last.allocatedPerToken() > 1024) problems.add("%.0f bytes of heap are allocated per token, more than 1024".formatted(last.allocatedPerToken()));
        return problems;
    }
}
