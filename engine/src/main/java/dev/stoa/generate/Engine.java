// SPDX-License-Identifier: Apache-2.0
package dev.stoa.generate;

import dev.stoa.EngineFault;
import dev.stoa.Fault;
import dev.stoa.FaultException;
import dev.stoa.adapter.AdapterSet;
import dev.stoa.cache.CacheLayout;
import dev.stoa.cache.CachePool;
import dev.stoa.cache.CacheStack;
import dev.stoa.generate.Scheduler.Slice;
import dev.stoa.kernel.Kernels;
import dev.stoa.model.Batch;
import dev.stoa.model.Decoder;
import dev.stoa.model.Model;
import dev.stoa.template.ChatTemplate;
import dev.stoa.tensor.Ledger;
import dev.stoa.tensor.Scope;
import dev.stoa.token.Tokenizer;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CancellationException;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.Semaphore;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.Consumer;

/// Runs many requests on one model. Callers on any thread queue work; one thread of its own runs [#step], so that all
/// tensors, caches and samplers have a single user. Owns what it was opened with and returns all of it on [#close].
public final class Engine implements Generator {
    private static final System.Logger LOG = System.getLogger("dev.stoa.generate");
    private static final long LOGIT_BYTES = 64L << 20;
    private static final int LARGEST_GROUP = 1 + AdapterSet.LIMIT;

    private final LoadConfig config;
    private final Model model;
    private final TextSetup text;
    private final Ledger ledger;
    private final List<Runnable> onClose;
    private final Scope scope;
    private final ForwardStep forward;
    private final CachePool caches;
    private final PromptReuse reuse;
    private final AdapterPool adapters;
    private final Scheduler scheduler;
    private final Intake intake;
    private final Distribution distribution;
    private final Semaphore permits;
    private final int capacity;
    private final LinkedBlockingQueue<Command> commands = new LinkedBlockingQueue<>();
    private final Thread thread;
    private final AtomicBoolean closing = new AtomicBoolean();
    private boolean closed;
    private long steps;

    Engine(Model model, TextSetup text, List<Integer> eosIds, LoadConfig config, Ledger ledger, List<Runnable> onClose) {
        this.config = config;
        this.model = model;
        this.text = text;
        this.ledger = ledger;
        this.onClose = onClose;
        this.scope = ledger.scope("engine workspace");
        Decoder decoder = new Decoder(model);
        int vocab = model.spec().vocab();
        int rows = Math.max(config.prefillChunk(), LARGEST_GROUP);
        int logitRows = (int) Math.max(LARGEST_GROUP, Math.min(rows, LOGIT_BYTES / (4L * vocab)));
        this.forward = new ForwardStep(decoder, decoder.workspace(rows, logitRows, scope),
                new Batch(model.spec().layers().size(), rows, logitRows));
        this.adapters = new AdapterPool(model, ledger, config.maxRank(), adapter -> post(new Command.CancelUsers(adapter)));
        this.scheduler = new Scheduler(config.maxConcurrent(), rows, logitRows, config.maxStepMs());
        this.distribution = new Distribution(vocab);
        int limit = model.spec().maxContext();
        int context = config.contextTokens() == 0 ? limit : Math.min(limit, config.contextTokens());
        CacheLayout layout = new CacheLayout(config.cacheMode(), 0, rows, Math.max(context, CacheLayout.KEEP + 1));
        this.caches = new CachePool(decoder.cacheShapes(), layout, ledger, config.kvBytes());
        this.reuse = new PromptReuse(model, config, ledger);
        this.intake = new Intake(model, context, config.cacheMode().equals("rotating"), caches, adapters,
                new GenerateTask.Tools(new Sampler(), distribution, text.tokenizer(), List.copyOf(eosIds), new GenerateTask.Forms()));
        this.capacity = config.maxConcurrent() + config.maxQueue();
        this.permits = new Semaphore(capacity);
        this.thread = Thread.ofPlatform().name("stoa-engine").daemon().unstarted(this::run);
    }

    /// An engine over a model in memory, which stays the caller's. `tokenizer` may be null: then there is no text.
    public static Engine of(Model model, Tokenizer tokenizer, LoadConfig config, Ledger ledger) {
        return start(new Engine(model, TextSetup.of(tokenizer), model.spec().eosIds(), EngineLoader.planned(config, model, ledger), ledger, List.of()));
    }

    /// Loads the model that `config` names, a directory or a GGUF file, with its tokenizer; everything loaded is the engine's and is
    /// returned on close.
    public static Engine open(LoadConfig config) throws IOException {
        return EngineLoader.open(config);
    }

    static Engine start(Engine engine) {
        engine.thread.start();
        return engine;
    }

    public LoadConfig config() {
        return config;
    }

    public Model model() {
        return model;
    }

    public Tokenizer tokenizer() {
        return text.tokenizer();
    }

    /// The chat template, or null when the model ships none.
    public ChatTemplate template() {
        return text.template();
    }

    /// Template variables and the identities of tokenizer and template.
    public TextSetup text() {
        return text;
    }

    public Kernels kernels() {
        return model.kernels();
    }

    public Ledger ledger() {
        return ledger;
    }

    public AdapterPool adapters() {
        return adapters;
    }

    @Override
    public RequestHandle submit(GenerateRequest request, Context context, Consumer<Event> sink) {
        if (!permits.tryAcquire()) {
            throw Fault.of(EngineFault.QUEUE_FULL, "the engine has no room for another request")
                    .got(capacity + " running and waiting").next("try again shortly").exception();
        }
        Sequence sequence;
        try {
            sequence = intake.generation(request, context, sink == null ? event -> {} : sink, permits::release, System.nanoTime());
        } catch (RuntimeException refused) {
            permits.release();
            throw refused;
        }
        return enqueue(sequence);
    }

    @Override
    public Generation generate(GenerateRequest request, Context context) {
        return generateAll(List.of(request), context).getFirst();
    }

    /// Not subject to the queue limit: the caller waits for all of them anyway.
    @Override
    public List<Generation> generateAll(List<GenerateRequest> requests, Context context) {
        return runAll(requests, (request, now) -> {
            Collector collector = new Collector();
            Sequence sequence = intake.generation(request, context, collector, () -> {}, now);
            return new Started<>(sequence, collector.done);
        });
    }

    @Override
    public double[] score(int[] prompt, int[] continuation, AdapterSet experts) {
        return scoreAll(List.of(new Scoring(prompt, continuation, experts))).getFirst();
    }

    @Override
    public List<double[]> scoreAll(List<Scoring> items) {
        return runAll(items, (item, now) -> scoring(item, false, now)).stream().map(ScoreTask::scores).toList();
    }

    @Override
    public float[] logProbabilities(int[] prompt, int[] continuation, AdapterSet experts) {
        return logProbabilitiesAll(List.of(new Scoring(prompt, continuation, experts))).getFirst();
    }

    @Override
    public List<float[]> logProbabilitiesAll(List<Scoring> items) {
        return runAll(items, (item, now) -> scoring(item, true, now)).stream().map(ScoreTask::table).toList();
    }

    private Started<ScoreTask> scoring(Scoring item, boolean wholeTable, long now) {
        Sequence sequence = intake.scoring(item, wholeTable, distribution, now);
        return new Started<>(sequence, ((ScoreTask) sequence.task).done);
    }

    @Override
    public float[] hidden(int[] prompt, int layer, int[] positions) {
        return hiddenAll(List.of(new Probing(prompt, layer, positions))).getFirst();
    }

    @Override
    public List<float[]> hiddenAll(List<Probing> items) {
        return runAll(items, (item, now) -> {
            Sequence sequence = intake.probing(item, now);
            return new Started<>(sequence, ((ProbeTask) sequence.task).done);
        });
    }

    private record Started<R>(Sequence sequence, CompletableFuture<R> result) {}

    private interface Starter<T, R> {
        Started<R> start(T item, long now);
    }

    /// Queues every item, then waits for all; the first failure cancels the rest and is thrown.
    private <T, R> List<R> runAll(List<T> items, Starter<T, R> starter) {
        if (Thread.currentThread() == thread) throw new IllegalStateException("the engine's thread cannot wait for itself");
        List<Started<R>> started = new ArrayList<>(items.size());
        List<R> results = new ArrayList<>(items.size());
        try {
            for (T item : items) {
                Started<R> next = starter.start(item, System.nanoTime());
                enqueue(next.sequence());
                started.add(next);
            }
            for (Started<R> each : started) results.add(each.result().get());
            return results;
        } catch (InterruptedException interrupted) {
            Thread.currentThread().interrupt();
            throw new CancellationException("interrupted while waiting for the engine");
        } catch (ExecutionException failed) {
            if (failed.getCause() instanceof FaultException fault) throw fault.fault().causedBy(failed);
            throw new IllegalStateException(failed.getCause());
        } finally {
            if (results.size() < items.size()) for (Started<R> each : started) post(new Command.Cancel(each.sequence()));
        }
    }

    /// Bytes of the caches that one sequence of `tokens` tokens gets.
    public long cacheBytes(int tokens) {
        return caches.bytes(tokens);
    }

    /// The engine's state; waits for the step in progress. A closed engine holds nothing.
    public EngineStats stats() {
        CompletableFuture<EngineStats> answer = new CompletableFuture<>();
        if (!post(new Command.Ask(answer))) return EngineStats.ended(0);
        return answer.join();
    }

    private RequestHandle enqueue(Sequence sequence) {
        if (!post(new Command.Submit(sequence))) {
            sequence.release();
            throw new IllegalStateException("the engine is closed");
        }
        return new RequestHandle() {
            @Override
            public String id() {
                return sequence.id;
            }

            @Override
            public void cancel() {
                post(new Command.Cancel(sequence));
            }
        };
    }

    /// False when the engine no longer takes commands.
    private boolean post(Command command) {
        synchronized (commands) {
            if (!closed) commands.add(command);
            return !closed;
        }
    }

    /// The engine's thread: commands, then a step, until told to stop; whoever is left is told.
    private void run() {
        Fault cause = null;
        try {
            while (obey()) step();
        } catch (InterruptedException interrupted) {
            Thread.currentThread().interrupt();
        } catch (RuntimeException | Error broken) {
            cause = fault(broken);
        }
        synchronized (commands) {
            closed = true;
        }
        List<Sequence> left = scheduler.all();
        for (Command command : commands) {
            if (command instanceof Command.Submit submit) left.add(submit.sequence());
            if (command instanceof Command.Ask ask) ask.answer().complete(EngineStats.ended(steps));
        }
        for (Sequence sequence : left) {
            if (cause == null) finish(sequence, "cancelled");
            else fail(sequence, cause);
        }
    }

    /// Carries out what other threads asked for, waiting for them when there is nothing to compute. False means stop.
    private boolean obey() throws InterruptedException {
        for (Command next = scheduler.idle() ? commands.take() : commands.poll(); next != null; next = commands.poll()) {
            switch (next) {
                case Command.Submit submit -> scheduler.enqueue(submit.sequence());
                case Command.Cancel cancel -> {
                    if (cancel.sequence().state() != Sequence.State.FINISHED) finish(cancel.sequence(), "cancelled");
                }
                case Command.CancelUsers users -> {
                    for (Sequence sequence : scheduler.all()) if (sequence.uses(users.adapter())) finish(sequence, "cancelled");
                }
                case Command.Ask ask -> ask.answer().complete(new EngineStats(scheduler.running(), scheduler.waiting(), caches.lent(),
                        caches.lentBytes(), adapters.leases(), capacity - permits.availablePermits(), steps, reuse.stats()));
                case Command.Stop ignored -> {
                    return false;
                }
            }
        }
        return true;
    }

    /// One turn: expire, admit, plan rows, run them in one forward pass, hand out what they computed.
    private void step() {
        long now = System.nanoTime();
        for (Sequence sequence : scheduler.expired(now)) finish(sequence, "timeout");
        for (Sequence sequence : scheduler.admit(now, this::reserve)) begin(sequence, now);
        List<Slice> plan = scheduler.plan();
        if (plan.isEmpty()) return;
        long begun = System.nanoTime();
        forward.run(plan, sequence -> finish(sequence, null), (sequence, failure) -> fail(sequence, fault(failure)));
        plan.forEach(slice -> reuse.prefilled(slice.sequence()));
        scheduler.measured(plan, (System.nanoTime() - begun) / 1e6);
        steps++;
    }

    /// Caches for every member, or none at all.
    private boolean reserve(Sequence sequence) {
        List<CacheStack> stacks = new ArrayList<>(sequence.members());
        for (int member = 0; member < sequence.members(); member++) {
            CacheStack stack = caches.lend(sequence.demand.capacity());
            if (stack == null) {
                stacks.forEach(caches::giveBack);
                return false;
            }
            stacks.add(stack);
        }
        sequence.admit(stacks);
        reuse.restore(sequence);
        return true;
    }

    private void begin(Sequence sequence, long now) {
        try {
            sequence.task.started(now, sequence.computed());
        } catch (RuntimeException receiver) {
            fail(sequence, fault(receiver));
        }
    }

    private void finish(Sequence sequence, String reason) {
        reuse.publish(sequence);
        end(sequence, () -> sequence.task.finish(reason, System.nanoTime()));
    }

    private void fail(Sequence sequence, Fault fault) {
        LOG.log(System.Logger.Level.WARNING, "event=request_failed id={0} fault={1}", sequence.id, fault.oneLine());
        end(sequence, () -> sequence.task.fail(fault));
    }

    /// Resources first, so that whoever hears of the end finds them free.
    private void end(Sequence sequence, Runnable last) {
        if (sequence.state() != Sequence.State.FINISHED) {
            scheduler.remove(sequence);
            sequence.release().forEach(caches::giveBack);
        }
        try {
            last.run();
        } catch (RuntimeException receiver) {
            LOG.log(System.Logger.Level.WARNING, "event=receiver_failed id=" + sequence.id, receiver);
        }
    }

    private static Fault fault(Throwable failure) {
        if (failure instanceof FaultException known) return known.fault();
        LOG.log(System.Logger.Level.ERROR, "event=internal_failure", failure);
        return Fault.of(EngineFault.INTERNAL, "the engine failed on this request").got(failure).next("report this with the log");
    }

    /// Stops the thread, ends what still runs as cancelled and returns all memory. Waits for a step in progress.
    @Override
    public void close() {
        if (!closing.compareAndSet(false, true)) return;
        post(new Command.Stop());
        boolean interrupted = false;
        while (thread.isAlive()) {
            try {
                thread.join();
            } catch (InterruptedException again) {
                interrupted = true;
            }
        }
        if (interrupted) Thread.currentThread().interrupt();
        adapters.close();
        reuse.close();
        caches.close();
        scope.close();
        onClose.forEach(Runnable::run);
    }
}
