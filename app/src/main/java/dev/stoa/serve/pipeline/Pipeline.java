// SPDX-License-Identifier: Apache-2.0
package dev.stoa.serve.pipeline;

import dev.stoa.AppFault;
import dev.stoa.Fault;
import dev.stoa.FaultException;
import dev.stoa.generate.Context;
import dev.stoa.generate.Event;
import dev.stoa.generate.GenerateConfig;
import dev.stoa.generate.GenerateRequest;
import dev.stoa.generate.Generator;
import dev.stoa.generate.grammar.Constraint;
import dev.stoa.memory.MemoryBlock;
import dev.stoa.template.Message;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicInteger;

/// The way of a request: route → mount → recall → generate → remember. Stages before the answer may degrade it but
/// not fail it, except for what the caller asked for by name; only generate can fail. Thread-safe.
public final class Pipeline {
    private static final System.Logger LOG = System.getLogger("dev.stoa.serve");

    private final Backend backend;
    private final Limits limits;
    private final ModelNames names;
    private final RememberStage remember;
    private final MemoryBlock memoryBlock;
    private final List<Stage> stages;
    private final TraceRing traces;
    /// Special tokens that mark reasoning and tool calls: whoever reads the answer must see them.
    private final Set<Integer> markers;
    private final ToolForms forms;
    private final StageObserver observer;
    private final Set<Running> running = ConcurrentHashMap.newKeySet();
    /// Requests that were let in and are not in `running` yet.
    private final AtomicInteger starting = new AtomicInteger();
    private volatile boolean draining;
    private volatile boolean cancelling;

    /// Told about every finished stage and request, for metrics.
    public interface StageObserver {
        void stage(StageRow row);

        void started();

        void finished(Trace trace);
    }

    public Pipeline(Backend backend, Limits limits, ModelNames names, TraceRing traces, StageObserver observer) {
        this.backend = backend;
        this.limits = limits;
        this.names = names;
        this.traces = traces;
        this.observer = observer;
        this.memoryBlock = new MemoryBlock(backend.tokenizer());
        this.markers = backend.markers();
        this.forms = new ToolForms(backend.model().dialect(), backend.tokenizer());
        this.remember = new RememberStage(backend.memory());
        this.stages = List.of(
                new RouteStage(backend.router(), limits.routeMs()), new MountStage(backend.experts()),
                new RecallStage(backend.memory(), limits.recallMs()));
    }

    /// Runs the stages before the answer and queues the generation. Bad requests throw; from here on the caller must
    /// end with [Running#finish] or [Running#abandon].
    public Running start(ChatRequest request, String requestId, String tenant) {
        starting.incrementAndGet(); // before the look at the flag: whoever sets it waits for those let in
        try {
            if (draining) throw Fault.of(AppFault.DRAINING, "the server is shutting down").exception();
            return begin(request, requestId, tenant);
        } finally {
            starting.decrementAndGet();
        }
    }

    private Running begin(ChatRequest request, String requestId, String tenant) {
        List<ChatRequest.Wish> named = names.checked(request.stoa().experts(), "x_stoa.experts");
        Selection resolved = names.resolve(request.model());
        Selection selection = named.isEmpty() ? resolved : new Selection(resolved.pipeline(), named);
        PipelineState state = PipelineState.begin(requestId, tenant, request, selection);
        try {
            for (Stage stage : stages) state = run(stage, state);
        } catch (RuntimeException refused) {
            state.mounted().close();
            throw refused;
        }
        return generate(state);
    }

    private PipelineState run(Stage stage, PipelineState state) {
        long start = state.sinceStartUs();
        Stage.Outcome outcome;
        try {
            outcome = stage.budgetMs() == 0 ? stage.run(state) : within(stage, state);
        } catch (Exception failed) {
            if (failed instanceof FaultException fault && fault.fault().code() instanceof AppFault) throw fault;
            LOG.log(System.Logger.Level.WARNING, "request=" + state.requestId() + " stage=" + stage.id() + " failed: " + failed);
            outcome = Stage.Outcome.degraded(state, failed instanceof TimeoutException ? "timeout" : failed.getClass().getSimpleName());
        }
        StageRow row = new StageRow(
                state.rows().size() + 1, stage.id(), outcome.status(), outcome.reason(), start, state.sinceStartUs() - start, outcome.detail());
        observer.stage(row);
        PipelineState next = outcome.state().row(row);
        return outcome.status() == StageRow.Status.DEGRADED ? next.degraded(stage.id()) : next;
    }

    /// Runs a stage on its own thread; what it returns after its budget is thrown away.
    private static Stage.Outcome within(Stage stage, PipelineState state) throws Exception {
        FutureTask<Stage.Outcome> task = new FutureTask<>(() -> stage.run(state));
        Thread thread = Thread.ofVirtual().name("stage-" + stage.id()).start(task);
        try {
            return task.get(stage.budgetMs(), TimeUnit.MILLISECONDS);
        } catch (ExecutionException failed) {
            if (failed.getCause() instanceof Exception cause) throw cause;
            throw failed;
        } finally {
            thread.interrupt();
        }
    }

    private Running generate(PipelineState state) {
        ChatRequest request = state.request();
        Exchange exchange = new Exchange(request.choices());
        List<Generator.RequestHandle> handles = new ArrayList<>();
        Backend.Prompt prompt;
        try {
            List<Message> messages = RecallStage.insert(request.messages(), state.recalled(), memoryBlock);
            prompt = backend.prompts().prompt(messages, request.tools().declared(), request.templateArguments());
            long asked = request.stoa().timeoutMs() == null ? limits.requestMs() : request.stoa().timeoutMs();
            Context context = Context.within(state.tenant(), Math.min(asked, limits.requestMs()));
            Constraint form = forms.of(request.tools(), prompt.opened());
            for (int choice = 0; choice < request.choices(); choice++) {
                int index = choice;
                GenerateRequest ask = new GenerateRequest(
                        prompt.ids(), config(request.sampling(), prompt.ids().length, choice), state.mounted().set(), state.mounted().compose(),
                        request.stoa().priority(), form);
                handles.add(backend.generator().submit(ask, context, event -> exchange.deliver(index, event)));
            }
        } catch (RuntimeException refused) {
            handles.forEach(Generator.RequestHandle::cancel);
            exchange.ended().thenRun(state.mounted()::close);
            exchange.close(request.choices() - handles.size());
            throw refused;
        }
        Running one = new Running(this, state, exchange, prompt.opened());
        exchange.running(handles);
        running.add(one);
        observer.started();
        if (cancelling) exchange.cancel();
        return one;
    }

    /// The request's sampling over the model's defaults; the answer is capped by what the context leaves.
    private GenerateConfig config(ChatRequest.Sampling asked, int promptTokens, int choice) {
        Backend.Defaults defaults = backend.model().defaults();
        int room = Math.max(1, backend.model().contextTokens() - promptTokens);
        int maxTokens = Math.min(asked.maxTokens() == null ? limits.defaultMaxTokens() : asked.maxTokens(), room);
        return new GenerateConfig(
                maxTokens, asked.temperature() == null ? defaults.temperature() : asked.temperature(),
                asked.topK() == null ? defaults.topK() : asked.topK(), asked.topP() == null ? defaults.topP() : asked.topP(),
                asked.minP() == null ? 0 : asked.minP(), seed(asked.seed(), choice), asked.stop(), false, asked.logprobs(), markers);
    }

    /// Choice 0 uses the request's seed; choice i the i-th step of SplitMix64 from it.
    static Long seed(Long seed, int choice) {
        if (seed == null || choice == 0) return seed;
        long z = seed + choice * 0x9E3779B97F4A7C15L;
        z = (z ^ (z >>> 30)) * 0xBF58476D1CE4E5B9L;
        z = (z ^ (z >>> 27)) * 0x94D049BB133111EBL;
        return z ^ (z >>> 31);
    }

    RememberStage remember() {
        return remember;
    }

    void ended(Running one, Trace trace) {
        if (!running.remove(one)) return;
        traces.add(trace);
        observer.finished(trace);
    }

    void rowDone(StageRow row) {
        observer.stage(row);
    }

    /// Requests being answered now.
    public int inFlight() {
        return running.size();
    }

    public long pingMs() {
        return limits.pingMs();
    }

    /// Takes no more requests and waits for those in flight; cancels what is left after the grace time.
    public void drain(long graceMs) throws InterruptedException {
        draining = true;
        long end = System.nanoTime() + graceMs * 1_000_000;
        while ((starting.get() > 0 || !running.isEmpty()) && System.nanoTime() < end) Thread.sleep(20);
        cancelling = true;
        for (Running one : running) one.exchange().cancel();
        long last = System.nanoTime() + 2_000_000_000L;
        while (!running.isEmpty() && System.nanoTime() < last) Thread.sleep(20);
    }

    public boolean isDraining() {
        return draining;
    }

    /// What all choices cost together: the prompt once, the slowest time.
    public static Event.Usage sum(List<Answer> answers) {
        int completion = 0;
        double queue = 0;
        double first = 0;
        double total = 0;
        for (Answer answer : answers) {
            completion += answer.usage().completionTokens();
            queue = Math.max(queue, answer.usage().queueMs());
            first = Math.max(first, answer.usage().firstTokenMs());
            total = Math.max(total, answer.usage().totalMs());
        }
        int prompt = answers.isEmpty() ? 0 : answers.getFirst().usage().promptTokens();
        int cached = answers.isEmpty() ? 0 : answers.getFirst().usage().cachedTokens();
        return new Event.Usage(prompt, cached, completion, queue, first, total);
    }
}
