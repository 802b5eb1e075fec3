// SPDX-License-Identifier: Apache-2.0
package dev.stoa.serve;

import dev.stoa.AppFault;
import dev.stoa.Fault;
import dev.stoa.serve.chat.ChatHandler;
import dev.stoa.serve.chat.TraceWire;
import dev.stoa.serve.http.ApiKeys;
import dev.stoa.serve.http.Border;
import dev.stoa.serve.http.Dispatcher;
import dev.stoa.serve.http.HelidonTransport;
import dev.stoa.serve.http.Reply;
import dev.stoa.serve.http.Request;
import dev.stoa.serve.http.Route;
import dev.stoa.serve.http.RouteTable;
import dev.stoa.serve.pipeline.Backend;
import dev.stoa.serve.pipeline.Limits;
import dev.stoa.serve.pipeline.ModelNames;
import dev.stoa.serve.pipeline.Pipeline;
import dev.stoa.serve.pipeline.TraceRing;
import java.net.InetAddress;
import java.net.UnknownHostException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.List;
import java.util.Set;
import java.util.function.Supplier;

/// The running server: an OpenAI-compatible API and the console page over a [Backend].
///
/// [#close] finishes the requests in flight, at most for the grace time, and stops listening; the backend stays open
/// and belongs to the caller.
public final class Server implements AutoCloseable {
    private static final long GRACE_MS = 10_000;
    private static final int TRACES = 1_000;

    /// Where to listen and what is allowed. `problems` is asked for the health page.
    public record Config(String host, int port, ApiKeys keys, List<Path> adapterRoots, Limits limits, Supplier<List<String>> problems) {
        public static Config loopback(int port) {
            return new Config("127.0.0.1", port, ApiKeys.NONE, List.of(), Limits.DEFAULT, List::of);
        }
    }

    private final Config config;
    private final RouteTable routes;
    private final Pipeline pipeline;
    private final HelidonTransport transport;

    private Server(Config config, RouteTable routes, Pipeline pipeline, HelidonTransport transport) {
        this.config = config;
        this.routes = routes;
        this.pipeline = pipeline;
        this.transport = transport;
    }

    /// Starts listening. A public address needs API keys.
    public static Server start(Backend backend, Config config) {
        boolean loopback = isLoopback(config.host());
        if (!loopback && !config.keys().required()) {
            throw Fault.of(AppFault.USAGE, "a public address needs API keys").got("--host " + config.host())
                    .next("add --api-key-file FILE, or listen on 127.0.0.1").exception();
        }
        ModelNames names = new ModelNames(backend.model().id(), backend.experts());
        TraceRing traces = new TraceRing(TRACES);
        Metrics metrics = new Metrics(backend.model().kernels(), backend.experts());
        Pipeline pipeline = new Pipeline(backend, config.limits(), names, traces, metrics);
        RouteTable routes = routes(backend, config, names, traces, metrics, pipeline);
        Border border = new Border(config.keys(), loopback ? Border.LOOPBACK : Set.of());
        RetryAfter retry = new RetryAfter(pipeline::inFlight, metrics::finished, System::nanoTime);
        Dispatcher dispatcher = new Dispatcher(routes, border, retry, metrics);
        return new Server(config, routes, pipeline, new HelidonTransport(config.host(), config.port(), dispatcher));
    }

    /// Every path the server answers.
    private static RouteTable routes(
            Backend backend, Config config, ModelNames names, TraceRing traces, Metrics metrics, Pipeline pipeline) {
        ChatHandler chat = new ChatHandler(pipeline, backend.tokenizer(), fingerprint(backend.model()), backend.model().dialect());
        ModelsHandler models = new ModelsHandler(names, backend.experts());
        AdaptersHandler adapters = new AdaptersHandler(backend.experts(), config.adapterRoots());
        HealthHandler health = new HealthHandler(backend, pipeline, config.problems());
        Route.Access open = Route.Access.OPEN;
        Route.Access key = Route.Access.KEY;
        return new RouteTable(List.of(
                new Route("POST", "/v1/chat/completions", key, chat),
                new Route("GET", "/v1/models", key, models::list),
                new Route("GET", "/v1/models/{id}", key, models::one),
                new Route("POST", "/v1/route", key, new RouteHandler(backend.router())::handle),
                new Route("GET", "/v1/adapters", key, adapters::list),
                new Route("GET", "/v1/adapters/{name}", key, adapters::one),
                new Route("POST", "/v1/adapters", key, adapters::load),
                new Route("DELETE", "/v1/adapters/{name}", key, adapters::unload),
                new Route("GET", "/v1/requests/{id}/trace", key, request -> trace(traces, request)),
                new Route("GET", "/metrics", key, request -> metrics.reply()),
                new Route("GET", "/health", open, health::health),
                new Route("GET", "/health/live", open, health::live),
                new Route("GET", "/health/ready", open, health::ready),
                new Route("GET", "/", open, ConsoleFiles::index),
                new Route("GET", "/app.css", open, ConsoleFiles::style),
                new Route("GET", "/icon.svg", open, ConsoleFiles::icon),
                new Route("GET", "/js/{file}", open, ConsoleFiles::script)));
    }

    private static Reply trace(TraceRing traces, Request request) {
        String id = request.parameter("id");
        return traces.find(id, request.tenant()).map(trace -> Reply.json(TraceWire.trace(trace)))
                .orElseThrow(() -> Fault.of(AppFault.NOT_FOUND, "no trace of request \"%s\"", id)
                        .expected("one of the last %d requests".formatted(TRACES)).exception());
    }

    /// `fp_` and ten hex digits that change with the model, the kernels or this program.
    static String fingerprint(Backend.Model model) {
        String text = model.hash() + "|" + model.kernels() + "|" + Version.STOA;
        try {
            byte[] hash = MessageDigest.getInstance("SHA-256").digest(text.getBytes(StandardCharsets.UTF_8));
            return "fp_" + HexFormat.of().formatHex(hash, 0, 5);
        } catch (NoSuchAlgorithmException absent) {
            throw new IllegalStateException(absent);
        }
    }

    private static boolean isLoopback(String host) {
        try {
            return InetAddress.getByName(host).isLoopbackAddress();
        } catch (UnknownHostException unknown) {
            throw Fault.of(AppFault.USAGE, "unknown host \"%s\"", host).next("use --host 127.0.0.1").exception();
        }
    }

    /// Every path this server answers, as data.
    public RouteTable routes() {
        return routes;
    }

    public int port() {
        return transport.port();
    }

    public String url() {
        String host = config.host().contains(":") ? "[" + config.host() + "]" : config.host();
        return "http://" + host + ":" + port();
    }

    @Override
    public void close() {
        try {
            pipeline.drain(GRACE_MS);
        } catch (InterruptedException hurry) {
            Thread.currentThread().interrupt();
        }
        transport.close();
    }
}
