// SPDX-License-Identifier: Apache-2.0
package dev.stoa.serve.http;

import dev.stoa.AppFault;
import dev.stoa.Fault;
import dev.stoa.FaultException;
import io.helidon.http.HeaderNames;
import io.helidon.webserver.CloseConnectionException;
import io.helidon.webserver.WebServer;
import io.helidon.webserver.http.ServerRequest;
import io.helidon.webserver.http.ServerResponse;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.time.Duration;
import java.util.HashMap;
import java.util.Locale;
import java.util.Map;
import java.util.logging.Level;
import java.util.logging.Logger;

/// HTTP over Helidon, the only class that knows it: reads a request completely, asks the [Dispatcher], writes the
/// reply. One virtual thread per request.
public final class HelidonTransport implements AutoCloseable {
    private static final int MAX_BODY = 10 << 20;
    private static final Duration READ_TIMEOUT = Duration.ofSeconds(30);
    /// How long, and for how much, a refused body is read on.
    private static final Duration LINGER = Duration.ofSeconds(2);
    private static final long LINGER_BYTES = 256L << 20;
    private static final System.Logger LOG = System.getLogger("dev.stoa.serve");

    /// Helidon tells about every start at level INFO; kept here so that the level stays set.
    private static final Logger HELIDON = Logger.getLogger("io.helidon");

    private final Dispatcher dispatcher;
    private final WebServer server;

    /// Starts listening; port 0 takes a free one. A port in use is a fault.
    public HelidonTransport(String host, int port, Dispatcher dispatcher) {
        this.dispatcher = dispatcher;
        if (HELIDON.getLevel() == null) HELIDON.setLevel(Level.WARNING);
        server = WebServer.builder()
                .host(host).port(port).shutdownHook(false).featuresDiscoverServices(false)
                .shutdownGracePeriod(Duration.ofSeconds(1))
                .maxTcpConnections(1024)
                .useNio(false)                  // channels ignore the read timeout, and a slow client would stay forever
                .connectionOptions(options -> options.readTimeout(READ_TIMEOUT).tcpNoDelay(true))
                .routing(routing -> routing.any(this::serve))
                .build();
        requireFree(host, port);
        server.start();
        if (!server.isRunning()) throw inUse(host, port, null);
    }

    /// Helidon logs a port in use and goes on; a first bind of our own tells it as a fault.
    private static void requireFree(String host, int port) {
        if (port == 0) return;
        try (ServerSocket probe = new ServerSocket()) {
            probe.setReuseAddress(true);
            probe.bind(new InetSocketAddress(host, port));
        } catch (IOException taken) {
            throw inUse(host, port, taken);
        }
    }

    private static FaultException inUse(String host, int port, IOException cause) {
        return Fault.of(AppFault.PORT_IN_USE, "cannot listen on %s:%d", host, port)
                .got(cause == null ? "the server did not start" : cause.getMessage())
                .next("choose another port with --port, or 0 for a free one").causedBy(cause);
    }

    public int port() {
        return server.port();
    }

    private void serve(ServerRequest in, ServerResponse out) {
        String id = Ids.request(in.headers().first(HeaderNames.create("x-request-id")).orElse(null));
        Reply reply;
        boolean unread = false;
        try {
            reply = dispatcher.handle(new Request(
                    id, in.prologue().method().text(), in.path().path(), query(in), headers(in), body(in)));
        } catch (FaultException refused) {
            reply = dispatcher.error(refused.fault(), id).with(Map.of("Connection", "close", "x-request-id", id));
            unread = refused.fault().code() == AppFault.REQUEST_TOO_LARGE; // a body that came too slowly is not waited for again
        }
        reply.headers().forEach(out::header);
        boolean last = in.headers().first(HeaderNames.CONNECTION).orElse("").equalsIgnoreCase("close")
                || reply.headers().containsKey("Connection");
        if (last) out.header("Connection", "close");
        out.header("X-Content-Type-Options", "nosniff");
        out.status(reply.status());
        switch (reply) {
            case Reply.Full full -> {
                out.header("Content-Type", full.contentType());
                out.send(full.body());
            }
            case Reply.Events events -> stream(out, events, id);
        }
        if (unread) discard(in);
        if (last) throw new CloseConnectionException("last request of the connection");
    }

    /// Reads on for a moment: closing a connection whose client still sends resets it, and the client never sees the answer.
    private static void discard(ServerRequest in) {
        long end = System.nanoTime() + LINGER.toNanos();
        byte[] buffer = new byte[1 << 16];
        try (InputStream stream = in.content().inputStream()) {
            for (long left = LINGER_BYTES; left > 0 && System.nanoTime() < end;) {
                int read = stream.read(buffer);
                if (read < 0) return;
                left -= read;
            }
        } catch (IOException | UncheckedIOException | IllegalStateException gone) {
            LOG.log(System.Logger.Level.DEBUG, "a refused body ended early: {0}", gone.getMessage());
        }
    }

    private static void stream(ServerResponse out, Reply.Events events, String id) {
        out.header("Content-Type", "text/event-stream; charset=utf-8");
        out.header("Cache-Control", "no-store");
        out.header("X-Accel-Buffering", "no");
        try (OutputStream stream = out.outputStream()) {
            events.source().writeTo(new SseWriter(stream));
        } catch (IOException | UncheckedIOException gone) {
            LOG.log(System.Logger.Level.DEBUG, "request=" + id + " client left");
            throw new CloseConnectionException("the client left", gone);
        }
    }

    /// At most 10 MiB within the read timeout. A longer body is refused before it is read, when its length is known.
    private static byte[] body(ServerRequest in) {
        if (in.headers().contentLength().orElse(0) > MAX_BODY) throw tooLarge();
        try (InputStream stream = in.content().inputStream()) {
            byte[] bytes = stream.readNBytes(MAX_BODY + 1);
            if (bytes.length > MAX_BODY) throw tooLarge();
            return bytes;
        } catch (IOException | UncheckedIOException slow) {
            throw Fault.of(AppFault.BODY_TIMEOUT, "the body did not arrive in %d s", READ_TIMEOUT.toSeconds()).causedBy(slow);
        }
    }

    private static FaultException tooLarge() {
        return Fault.of(AppFault.REQUEST_TOO_LARGE, "the body is too large").expected("at most 10 MiB").exception();
    }

    private static Map<String, String> headers(ServerRequest in) {
        Map<String, String> headers = new HashMap<>();
        in.headers().forEach(header -> headers.put(header.name().toLowerCase(Locale.ROOT), header.get()));
        headers.putIfAbsent("host", in.prologue().uriPath() == null ? "" : in.authority());
        return headers;
    }

    private static Map<String, String> query(ServerRequest in) {
        Map<String, String> query = new HashMap<>();
        for (String name : in.query().names()) query.put(name, in.query().first(name).orElse(""));
        return query;
    }

    @Override
    public void close() {
        server.stop();
    }
}
