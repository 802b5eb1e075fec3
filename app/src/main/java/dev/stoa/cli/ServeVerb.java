// SPDX-License-Identifier: Apache-2.0
package dev.stoa.cli;

import dev.stoa.ExpertsFault;
import dev.stoa.FaultException;
import dev.stoa.library.Library;
import dev.stoa.memory.EmbeddedMemory;
import dev.stoa.memory.PredicateTable;
import dev.stoa.memory.RelevanceGate;
import dev.stoa.route.MetaRouter;
import dev.stoa.route.RouterState;
import dev.stoa.route.feature.HashedFeatures;
import dev.stoa.serve.BaseFeatures;
import dev.stoa.serve.BaseModel;
import dev.stoa.serve.Server;
import dev.stoa.serve.expert.Expert;
import dev.stoa.serve.expert.LibraryFollower;
import dev.stoa.serve.expert.PoolExperts;
import dev.stoa.serve.expert.Roster;
import dev.stoa.serve.http.ApiKeys;
import dev.stoa.serve.pipeline.Limits;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicReference;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/// `stoa serve MODEL`: the OpenAI-compatible server and the console page, until stopped.
@Command(
        name = "serve", sortOptions = false, description = "Serve a model and experts over the OpenAI API.",
        footer = {
            "", "Examples:", "  stoa serve base --expert sql=adapters/sql", "  stoa serve base --library experts --router router --port 8000",
            "  stoa serve base --port 0 --detach"
        })
final class ServeVerb implements Callable<Integer> {
    private final Session session;

    @Parameters(paramLabel = "MODEL", description = "A model directory (Hugging Face or MLX) or a GGUF file.")
    private Path directory;

    @Option(names = "--port", paramLabel = "N", defaultValue = "8000", description = "Port (0: a free one; default: ${DEFAULT-VALUE}).")
    private int port;

    @Option(names = "--host", paramLabel = "ADDRESS", defaultValue = "127.0.0.1", description = "Address to listen on (default: ${DEFAULT-VALUE}).")
    private String host;

    @Option(names = "--model-id", paramLabel = "ID", description = "The base's name for clients (default: the directory's or file's).")
    private String id;

    @Option(names = "--expert", paramLabel = "[NAME=]DIR", description = "Mount an adapter, PEFT, MLX or GGUF (repeatable).")
    private List<String> experts = List.of();

    @Option(names = "--library", paramLabel = "DIR", description = "Mount the library's published experts and follow it.")
    private Path library;

    @Option(names = "--router", paramLabel = "DIR", description = "Route requests for the model \"stoa\" with this fitted router.")
    private Path router;

    @Option(names = "--memory", paramLabel = "DIR", description = "Remember in this directory; made when missing.")
    private Path memory;

    @Option(names = "--adapter-root", paramLabel = "DIR", description = "Allow POST /v1/adapters to load from here (repeatable).")
    private List<Path> adapterRoots = List.of();

    @Option(names = "--api-key-file", paramLabel = "FILE", description = "One API key per line; required for a public address.")
    private Path keyFile;

    @Option(names = "--max-concurrent", paramLabel = "N", defaultValue = "32", description = "Requests answered at once (default: ${DEFAULT-VALUE}).")
    private int maxConcurrent;

    @Option(names = "--max-queue", paramLabel = "N", defaultValue = "64", description = "Requests waiting; more get 429 (default: ${DEFAULT-VALUE}).")
    private int maxQueue;

    @Option(names = "--detach", description = "Start in the background and return when ready.")
    private boolean detach;

    @Mixin
    private final ModelOptions model = new ModelOptions();

    ServeVerb(Session session) {
        this.session = session;
    }

    @Override
    public Integer call() throws IOException, InterruptedException {
        Console console = session.console("serve");
        if (detach) return new DetachedServer(session, console).start();
        Deque<AutoCloseable> open = new ArrayDeque<>();
        Thread closer = new Thread(() -> closeAll(open), "stoa-shutdown");
        Home home = Home.of(session.terminal);
        long pid = ProcessHandle.current().pid();
        CountDownLatch stopped = new CountDownLatch(1);
        try {
            Server server = start(open, console);
            Home.Running running = new Home.Running(
                    pid, server.port(), server.url(), id == null ? directory.toString() : id, Home.startOf(ProcessHandle.current()), "");
            home.register(running);
            open.push(() -> home.forget(pid));
            Runtime.getRuntime().addShutdownHook(closer);
            stopped.await();
            return ExitCode.DONE.number;
        } finally {
            closeAll(open);
        }
    }

    private Server start(Deque<AutoCloseable> open, Console console) throws IOException {
        BaseModel base = ModelOptions.open(model.config(directory).withConcurrency(maxConcurrent, maxQueue), id, console);
        open.push(base);
        List<String> problems = new ArrayList<>();
        RouterState fitted = router == null ? null : fitted(base, problems, console);
        MetaRouter routing = router == null ? null : new MetaRouter(fitted);
        AtomicReference<PoolExperts> pool = new AtomicReference<>();
        PoolExperts mounted = new PoolExperts(base.engine().adapters(), () -> {
            if (fitted != null) routing.update(state -> state.withRoster(Roster.of(fitted, pool.get().list())));
        });
        pool.set(mounted);
        List<Path> roots = new ArrayList<>();
        for (String text : experts) {
            ExpertArgument expert = ExpertArgument.parse(text);
            mounted.load(expert.name(), "", expert.directory(), expert.directory().toString());
            roots.add(expert.directory().toRealPath().getParent());
        }
        for (Path root : adapterRoots) roots.add(root.toRealPath());
        LibraryFollower follower = null;
        if (library != null) {
            Library opened = Library.open(library);
            open.push(opened);
            follower = new LibraryFollower(opened, mounted, now -> console.say("experts: %s", names(now)));
            open.push(follower);
            for (String problem : follower.problems()) console.warn("%s", problem);
        }
        LibraryFollower followed = follower;
        if (fitted != null) {
            routing.update(state -> state.withRoster(Roster.of(fitted, mounted.list())));
            console.say("router: %s features, %d of %d labels have an expert", fitted.model().source().id(),
                    routing.state().roster().size(), fitted.labels().size());
        }
        EmbeddedMemory remembered = null;
        if (memory != null) {
            HashedFeatures embedder = new HashedFeatures();
            remembered = EmbeddedMemory.open(memory, EmbeddedMemory.Settings.of(embedder, PredicateTable.EMPTY, RelevanceGate.hashed(embedder.hash())));
            open.push(remembered);
        }
        ApiKeys keys = keyFile == null ? ApiKeys.NONE : ApiKeys.read(keyFile);
        Server.Config config = new Server.Config(
                host, port, keys, roots, Limits.DEFAULT, () -> problems(problems, followed));
        Server server = Server.start(base.backend(mounted, routing, remembered), config);
        open.push(server);
        ready(server, base, mounted.list(), keys, console);
        return server;
    }

    /// The router over this base's own features. One fitted on other features is no reason not to serve: then the base
    /// answers, and health says why.
    private RouterState fitted(BaseModel base, List<String> problems, Console console) throws IOException {
        try {
            return RouteVerb.load(router, new BaseFeatures(base));
        } catch (FaultException mismatch) {
            if (mismatch.fault().code() != ExpertsFault.ROUTER_FEATURE_MISMATCH) throw mismatch;
            problems.add("routing is off: " + mismatch.fault().oneLine());
            console.warn("%s", problems.getLast());
            return null;
        }
    }

    private static List<String> problems(List<String> atStart, LibraryFollower followed) {
        List<String> all = new ArrayList<>(atStart);
        if (followed != null) all.addAll(followed.problems());
        return all;
    }

    private void ready(Server server, BaseModel base, List<Expert> mounted, ApiKeys keys, Console console) {
        console.line("ready  %s  model %s  experts %s  context %d  %s  console %s/", server.url(), base.facts().id(), names(mounted),
                base.facts().contextTokens(), keys.required() ? "API keys" : "no key needed (this machine only)", server.url());
        Map<String, Object> data = new LinkedHashMap<>();
        data.put("url", server.url());
        data.put("port", server.port());
        data.put("pid", ProcessHandle.current().pid());
        data.put("model", base.facts().id());
        data.put("experts", mounted.stream().map(Expert::name).toList());
        data.put("kernels", base.engine().kernels().reason());
        console.event("ready", data);
    }

    private static String names(List<Expert> experts) {
        return experts.isEmpty() ? "none" : String.join(",", experts.stream().map(Expert::name).toList());
    }

    /// In the reverse order of opening; one that fails does not keep the others open.
    private static void closeAll(Deque<AutoCloseable> open) {
        synchronized (open) {
            while (!open.isEmpty()) {
                try {
                    open.pop().close();
                } catch (Exception failed) {
                    System.getLogger("dev.stoa.cli").log(System.Logger.Level.WARNING, "closing failed: " + failed);
                }
            }
        }
    }
}
