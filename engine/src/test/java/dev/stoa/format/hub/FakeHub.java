// SPDX-License-Identifier: Apache-2.0
package dev.stoa.format.hub;

import com.sun.net.httpserver.Headers;
import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import dev.stoa.format.Sha256;
import java.io.IOException;
import java.io.OutputStream;
import java.net.InetSocketAddress;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;

/// A hub on two ports of this machine that serves one repository and misbehaves as told. Files above 4 KiB are large ones
/// (named by SHA-256), others by what git calls them.
final class FakeHub implements AutoCloseable {
    static final String COMMIT = "00112233445566778899aabbccddeeff00112233";
    static final String TOKEN = "hf_secret";

    /// What goes wrong with a file.
    enum Fault {
        NONE, CUT, STALL, WRONG_BYTES, WRONG_BYTES_ONCE, OTHER_ETAG_ONCE, IGNORES_RANGE, WRONG_CONTENT_RANGE, REDIRECT, REDIRECT_LOOP, TOO_MANY, NOT_SATISFIABLE,
        GATED, UNAVAILABLE, NO_LENGTH, TOO_LONG, ALWAYS_CUT
    }

    /// One request of a file's content.
    record Served(String path, String range, String authorization, boolean elsewhere, int status) {}

    final Map<String, byte[]> files = new TreeMap<>();
    final List<Served> served = Collections.synchronizedList(new ArrayList<>());
    final AtomicLong bytes = new AtomicLong();
    final AtomicInteger infos = new AtomicInteger();
    volatile String listing;
    volatile String listingType = "application/json; charset=utf-8";
    volatile int listingFailures;
    volatile String needsToken;
    private final Map<String, Fault> faults = new ConcurrentHashMap<>();
    private final Map<String, Long> cuts = new ConcurrentHashMap<>();
    private final Map<String, AtomicInteger> calls = new ConcurrentHashMap<>();
    private final CountDownLatch closing = new CountDownLatch(1);
    private final ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor();
    private final HttpServer hub = server(false);
    private final HttpServer storage = server(true);

    FakeHub() throws IOException {}

    private HttpServer server(boolean elsewhere) throws IOException {
        HttpServer server = HttpServer.create(new InetSocketAddress("127.0.0.1", 0), 0);
        server.setExecutor(threads);
        server.createContext("/", exchange -> {
            try (exchange) {
                if (elsewhere) content(exchange, URI.create(exchange.getRequestURI().toString()).getPath().substring(1), true);
                else answer(exchange);
            } catch (InterruptedException ended) {
                Thread.currentThread().interrupt();
            }
        });
        server.start();
        return server;
    }

    HubEndpoint endpoint(String token) {
        return new HubEndpoint(URI.create("http://127.0.0.1:" + hub.getAddress().getPort()), token);
    }

    FakeHub file(String path, byte[] content) {
        files.put(path, content);
        return this;
    }

    FakeHub file(String path, String content) {
        return file(path, content.getBytes(StandardCharsets.UTF_8));
    }

    FakeHub fault(String path, Fault fault) {
        faults.put(path, fault);
        calls.remove(path);
        return this;
    }

    /// The next answer for this file ends after so many bytes of it.
    FakeHub cut(String path, long after) {
        cuts.put(path, after);
        return fault(path, Fault.CUT);
    }

    static String etag(byte[] content) {
        if (content.length > 4096) return Sha256.hex(content);
        BlobHash hash = BlobHash.of("", content.length);
        hash.update(content, 0, content.length);
        return hash.finish().etag();
    }

    private String listing() {
        if (listing != null) return listing;
        StringBuilder json = new StringBuilder("{\"sha\":\"" + COMMIT + "\",\"gated\":false,\"cardData\":{\"license\":\"apache-2.0\"},\"siblings\":[");
        String separator = "";
        for (Map.Entry<String, byte[]> file : files.entrySet()) {
            json.append(separator).append("{\"rfilename\":\"").append(file.getKey()).append("\",\"size\":").append(file.getValue().length);
            String etag = etag(file.getValue());
            if (etag.length() == 64) json.append(",\"blobId\":\"").append("f".repeat(40)).append("\",\"lfs\":{\"size\":").append(file.getValue().length).append(",\"sha256\":\"").append(etag).append("\"}}");
            else json.append(",\"blobId\":\"").append(etag).append("\"}");
            separator = ",";
        }
        return json.append("]}").toString();
    }

    private void answer(HttpExchange exchange) throws IOException, InterruptedException {
        String path = exchange.getRequestURI().getPath();
        if (needsToken != null && !("Bearer " + needsToken).equals(exchange.getRequestHeaders().getFirst("Authorization"))) {
            send(exchange, 401, "text/plain", "who are you");
        } else if (path.startsWith("/api/")) {
            boolean known = path.equals("/api/models/org/tiny/revision/main") || path.equals("/api/models/org/tiny/revision/" + COMMIT);
            if (!known) send(exchange, 404, "application/json", "{\"error\":\"no\"}");
            else if (infos.incrementAndGet() <= listingFailures) send(exchange, 503, "text/html", "busy");
            else send(exchange, 200, listingType, listing());
        } else {
            String prefix = "/org/tiny/resolve/" + COMMIT + "/";
            if (path.startsWith(prefix)) content(exchange, path.substring(prefix.length()), false);
            else send(exchange, 404, "text/plain", "no");
        }
    }

    private static void send(HttpExchange exchange, int status, String type, String text) throws IOException {
        byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
        exchange.getResponseHeaders().set("Content-Type", type);
        exchange.sendResponseHeaders(status, bytes.length == 0 ? -1 : bytes.length);
        exchange.getResponseBody().write(bytes);
    }

    private void content(HttpExchange exchange, String path, boolean elsewhere) throws IOException, InterruptedException {
        byte[] whole = files.get(path);
        Headers asked = exchange.getRequestHeaders();
        Fault fault = faults.getOrDefault(path, Fault.NONE);
        boolean again = !(fault == Fault.REDIRECT && elsewhere) && calls.computeIfAbsent(path, name -> new AtomicInteger()).incrementAndGet() > 1;
        String range = asked.getFirst("Range");
        int from = range == null ? 0 : Integer.parseInt(range.substring("bytes=".length(), range.length() - 1));
        Headers reply = exchange.getResponseHeaders();
        int status = range == null ? 200 : 206;
        reply.set("X-Repo-Commit", COMMIT);
        reply.set("ETag", "\"" + (elsewhere ? "of-the-storage" : fault == Fault.OTHER_ETAG_ONCE && !again ? "0".repeat(64) : etag(whole)) + "\"");
        if (from > 0 && from >= whole.length || fault == Fault.NOT_SATISFIABLE && range != null) status = 416;
        if (fault == Fault.GATED) status = 403;
        if (fault == Fault.TOO_MANY && !again) status = 429;
        if (fault == Fault.UNAVAILABLE) status = 503;
        if (fault == Fault.REDIRECT && !elsewhere || fault == Fault.REDIRECT_LOOP) status = 302;
        if (fault == Fault.IGNORES_RANGE) {
            status = 200;
            from = 0;
        }
        served.add(new Served(path, range, asked.getFirst("Authorization"), elsewhere, status));
        switch (status) {
            case 302 -> {
                reply.set("Location", fault == Fault.REDIRECT_LOOP ? exchange.getRequestURI().toString()
                        : "http://127.0.0.1:" + storage.getAddress().getPort() + "/" + path);
                exchange.sendResponseHeaders(302, -1);
            }
            case 416, 403, 503 -> exchange.sendResponseHeaders(status, -1);
            case 429 -> {
                reply.set("Retry-After", "7");
                exchange.sendResponseHeaders(status, -1);
            }
            default -> body(exchange, path, whole, from, status, fault, again);
        }
    }

    private void body(HttpExchange exchange, String path, byte[] whole, int from, int status, Fault fault, boolean again) throws IOException, InterruptedException {
        if (status == 206) {
            int said = fault == Fault.WRONG_CONTENT_RANGE ? from + 1 : from;
            exchange.getResponseHeaders().set("Content-Range", "bytes " + said + "-" + (whole.length - 1) + "/" + whole.length);
        }
        byte[] content = whole.clone();
        if (fault == Fault.WRONG_BYTES || fault == Fault.WRONG_BYTES_ONCE && !again) content[content.length / 2] ^= 1;
        int count = content.length - from;
        int sent = count;
        if (fault == Fault.CUT && !again) sent = (int) Math.min(count, cuts.get(path));
        if (fault == Fault.ALWAYS_CUT) sent = 0;
        if (fault == Fault.STALL && !again) sent = count / 2;
        boolean noLength = fault == Fault.NO_LENGTH || fault == Fault.TOO_LONG;
        exchange.sendResponseHeaders(status, noLength ? 0 : count == 0 ? -1 : count);
        OutputStream out = exchange.getResponseBody();
        out.write(content, from, sent);
        bytes.addAndGet(sent);
        if (fault == Fault.TOO_LONG) out.write(new byte[100]);
        out.flush();
        if (sent < count && fault == Fault.STALL) closing.await(30, TimeUnit.SECONDS);
    }

    Map<String, byte[]> copy() {
        return new LinkedHashMap<>(files);
    }

    @Override
    public void close() {
        closing.countDown();
        hub.stop(0);
        storage.stop(0);
        threads.shutdownNow();
    }
}
