// SPDX-License-Identifier: Apache-2.0
package dev.stoa.serve;

import dev.stoa.EngineFault;
import dev.stoa.Fault;
import dev.stoa.adapter.AdapterSet;
import dev.stoa.generate.Context;
import dev.stoa.generate.Event;
import dev.stoa.generate.GenerateRequest;
import dev.stoa.generate.Generator;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Consumer;
import java.util.function.Function;

/// A generator that says what a script tells it, one byte-token per step for every running request, on one thread of
/// its own. Knows stop strings, token limits, deadlines, a bounded queue and cancelling.
final class ScriptedGenerator implements Generator {
    private final ByteTokenizer tokenizer = new ByteTokenizer();
    private final Function<GenerateRequest, String> script;
    private final int contextTokens;
    final List<GenerateRequest> seen = Collections.synchronizedList(new ArrayList<>());
    final AtomicInteger cancelled = new AtomicInteger();
    final AtomicInteger running = new AtomicInteger();
    volatile int maxRunning = Integer.MAX_VALUE;
    volatile long stepMs;
    /// Fails a request after this many tokens; -1 never.
    volatile int failAfter = -1;
    private final BlockingQueue<Job> jobs = new LinkedBlockingQueue<>();
    private final Thread thread;
    private volatile boolean closed;

    ScriptedGenerator(int contextTokens, Function<GenerateRequest, String> script) {
        this.contextTokens = contextTokens;
        this.script = script;
        thread = Thread.ofPlatform().daemon().name("scripted-engine").start(this::loop);
    }

    private final class Job implements RequestHandle {
        final GenerateRequest request;
        final Context context;
        final Consumer<Event> sink;
        final List<String> pieces = new ArrayList<>();
        final AtomicBoolean stopped = new AtomicBoolean();
        final StringBuilder text = new StringBuilder();
        final long startNanos = System.nanoTime();
        int emitted;
        double firstMs;

        Job(GenerateRequest request, Context context, Consumer<Event> sink, String answer) {
            this.request = request;
            this.context = context;
            this.sink = sink;
            answer.codePoints().forEach(point -> pieces.add(Character.toString(point)));
        }

        @Override
        public String id() {
            return "job";
        }

        @Override
        public void cancel() {
            if (stopped.compareAndSet(false, true)) cancelled.incrementAndGet();
        }

        double ms() {
            return (System.nanoTime() - startNanos) / 1e6;
        }

        /// True when done.
        boolean step() {
            if (emitted == 0) sink.accept(new Event.Started(request.prompt().length, 7));
            if (stopped.get()) return end("cancelled", "");
            if (System.nanoTime() > context.deadlineNanos()) return end("timeout", "");
            if (failAfter >= 0 && emitted >= failAfter) {
                sink.accept(new Event.Failed(Fault.of(EngineFault.NON_FINITE_LOGITS, "the logits are not finite")));
                return true;
            }
            if (emitted == pieces.size()) return end("stop", "");
            if (emitted == request.config().maxTokens()) return end("length", "");
            String piece = pieces.get(emitted++);
            if (emitted == 1) firstMs = ms();
            text.append(piece);
            for (String stop : request.config().stop()) {
                if (text.indexOf(stop) >= 0) return end("stop", "");
            }
            int id = piece.getBytes(StandardCharsets.UTF_8)[0] & 0xFF;
            Event.TokenLogprob logprob = request.config().logprobs() < 0 ? null : new Event.TokenLogprob(-0.25,
                    request.config().logprobs() == 0 ? List.of() : List.of(new Event.TokenLogprob.Alternative(id, -0.25)));
            sink.accept(new Event.Token(id, piece, logprob));
            return false;
        }

        private boolean end(String reason, String rest) {
            sink.accept(new Event.Finished(reason, null, rest, new Event.Usage(request.prompt().length, 0, emitted, 0.5, firstMs, ms())));
            return true;
        }
    }

    private void loop() {
        List<Job> active = new ArrayList<>();
        while (!closed) {
            try {
                if (active.isEmpty()) active.add(jobs.take());
                jobs.drainTo(active);
                active.removeIf(job -> {
                    boolean done = job.step();
                    if (done) running.decrementAndGet();
                    return done;
                });
                if (stepMs > 0) Thread.sleep(stepMs);
            } catch (InterruptedException closing) {
                return;
            }
        }
    }

    @Override
    public RequestHandle submit(GenerateRequest request, Context context, Consumer<Event> sink) {
        seen.add(request);
        if (request.prompt().length >= contextTokens) {
            throw Fault.of(EngineFault.CONTEXT_LENGTH_EXCEEDED, "the prompt does not fit the context")
                    .got(request.prompt().length + " tokens").expected("fewer than " + contextTokens).exception();
        }
        if (running.get() >= maxRunning) throw Fault.of(EngineFault.QUEUE_FULL, "the queue is full").exception();
        running.incrementAndGet();
        Job job = new Job(request, context, sink, script.apply(request));
        jobs.add(job);
        return job;
    }

    @Override
    public Generation generate(GenerateRequest request, Context context) {
        throw new UnsupportedOperationException();
    }

    @Override
    public List<Generation> generateAll(List<GenerateRequest> requests, Context context) {
        throw new UnsupportedOperationException();
    }

    @Override
    public double[] score(int[] prompt, int[] continuation, AdapterSet experts) {
        throw new UnsupportedOperationException();
    }

    @Override
    public float[] logProbabilities(int[] prompt, int[] continuation, AdapterSet experts) {
        throw new UnsupportedOperationException();
    }

    @Override
    public float[] hidden(int[] prompt, int layer, int[] positions) {
        throw new UnsupportedOperationException();
    }

    String promptText(int index) {
        return tokenizer.decode(seen.get(index).prompt(), true);
    }

    @Override
    public void close() {
        closed = true;
        thread.interrupt();
    }
}
