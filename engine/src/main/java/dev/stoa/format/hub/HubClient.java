// SPDX-License-Identifier: Apache-2.0
package dev.stoa.format.hub;

import dev.stoa.EngineFault;
import dev.stoa.Fault;
import dev.stoa.format.Json;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpHeaders;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.Flow;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/// Requests to one hub. Redirects are followed by hand, so that the token never leaves the hub's origin. Thread-safe.
final class HubClient implements AutoCloseable {
    private static final int MOST_REDIRECTS = 5;
    private static final int MOST_JSON = 64 << 20;
    private static final Duration CONNECT = Duration.ofSeconds(10);
    private static final Pattern SECONDS = Pattern.compile("\\d{1,6}");

    private final HubEndpoint hub;
    private final Duration idle;
    private final Retries.Pause pause;
    private final HttpClient http = HttpClient.newBuilder().connectTimeout(CONNECT).followRedirects(HttpClient.Redirect.NEVER).build();

    HubClient(HubEndpoint hub, Duration idle, Retries.Pause pause) {
        this.hub = hub;
        this.idle = idle;
        this.pause = pause;
    }

    /// An answer: `first` are the headers of the hub itself, `last` those of whoever it redirected to. The body must be closed.
    record Answer(int status, HttpHeaders first, HttpHeaders last, URI address, BodyReader body) implements AutoCloseable {
        @Override
        public void close() {
            body.close();
        }
    }

    Retries retries() {
        return new Retries(pause);
    }

    /// What a revision is.
    RepoInfo info(HubRepo repo, String revision) throws IOException, InterruptedException {
        URI address = hub.info(repo, revision);
        Retries retries = retries();
        while (true) {
            try (Answer answer = get(address, 0, null)) {
                requireAllowed(answer, repo, revision);
                String type = answer.last().firstValue("Content-Type").orElse("nothing");
                if (answer.status() != 200 || !type.contains("json")) {
                    throw Fault.of(EngineFault.HUB_INVALID, "this is not the answer of a hub").where(address).got("status " + answer.status() + ", " + type)
                            .expected("status 200, application/json").next("check STOA_HUB_ENDPOINT, or a proxy in between").exception();
                }
                return RepoInfo.parse(Json.parse(text(answer), address, EngineFault.HUB_INVALID), address);
            } catch (Unavailable failure) {
                retries.failed(failure);
            }
        }
    }

    private static byte[] text(Answer answer) throws IOException, InterruptedException {
        ByteArrayOutputStream all = new ByteArrayOutputStream();
        byte[] chunk = new byte[1 << 16];
        for (int n = answer.body().read(chunk); n >= 0; n = answer.body().read(chunk)) {
            all.write(chunk, 0, n);
            if (all.size() <= MOST_JSON) continue;
            throw Fault.of(EngineFault.HUB_INVALID, "the hub's answer is too long").where(answer.address()).got("more than " + MOST_JSON + " bytes").exception();
        }
        return all.toByteArray();
    }

    /// The content of a file from byte `from`; the caller deals with the status, of which 200, 206 and 416 are left.
    Answer file(HubRepo repo, String commit, RepoInfo.RemoteFile file, long from) throws IOException, InterruptedException {
        Answer answer = get(hub.file(repo, commit, file.path()), from, file.etag());
        boolean keep = false;
        try {
            requireAllowed(answer, repo, commit);
            keep = answer.status() == 200 || answer.status() == 206 || answer.status() == 416;
            if (keep) return answer;
            throw Fault.of(EngineFault.HUB_INVALID, "the hub does not serve a file it lists").where(answer.address()).got("status " + answer.status())
                    .expected("200 or 206").next("try again later").exception();
        } finally {
            if (!keep) answer.close();
        }
    }

    private void requireAllowed(Answer answer, HubRepo repo, String revision) throws Unavailable {
        int status = answer.status();
        if (status == 408 || status == 429 || status >= 500) throw new Unavailable("the hub answered status " + status, retryAfter(answer.last()), null);
        if (status == 401 || status == 403) {
            boolean gated = status == 403 || answer.first().firstValue("X-Error-Code").orElse("").equals("GatedRepo");
            throw Fault.of(EngineFault.HUB_DENIED, gated ? "the repository is gated" : "the hub asks who you are, or there is no such repository")
                    .where(hub + "/" + repo).got("status " + status + (hub.token() == null ? ", without a token" : ", with a token"))
                    .expected("a token whose owner has accepted the license")
                    .next("accept the license at " + hub + "/" + repo.kind().prefix + repo + ", then set HF_TOKEN").exception();
        }
        if (status == 404) {
            boolean noRevision = answer.first().firstValue("X-Error-Code").orElse("").equals("RevisionNotFound");
            throw Fault.of(EngineFault.HUB_NOT_FOUND, noRevision ? "the repository has no such revision" : "the hub has no such repository, revision or file")
                    .where(answer.address()).got(repo + "@" + revision).expected("an existing repository and revision")
                    .next("check the spelling at " + hub + "/" + repo.kind().prefix + repo).exception();
        }
    }

    private static Duration retryAfter(HttpHeaders headers) {
        String text = headers.firstValue("Retry-After").orElse("");
        return SECONDS.matcher(text).matches() ? Duration.ofSeconds(Long.parseLong(text)) : null;
    }

    private Answer get(URI start, long from, String etag) throws IOException, InterruptedException {
        URI address = start;
        HttpHeaders first = null;
        boolean atHome = true;
        for (int redirects = 0; ; redirects++) {
            HttpRequest.Builder request = HttpRequest.newBuilder(address).timeout(idle).header("Accept-Encoding", "identity").header("User-Agent", "stoa");
            atHome &= HubEndpoint.sameOrigin(start, address);
            if (atHome && hub.token() != null) request.header("Authorization", "Bearer " + hub.token());
            if (from > 0) request.header("Range", "bytes=" + from + "-");
            // A storage host has etags of its own, which are not the hub's: the hash at the end decides there.
            if (from > 0 && atHome) request.header("If-Range", "\"" + etag + "\"");
            HttpResponse<Flow.Publisher<List<ByteBuffer>>> response = send(request.build());
            BodyReader body = new BodyReader(response.body(), idle);
            if (first == null) first = response.headers();
            int status = response.statusCode();
            boolean redirect = status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
            if (!redirect) return new Answer(status, first, response.headers(), address, body);
            body.close();
            address = target(address, response.headers().firstValue("Location").orElse(""), redirects);
        }
    }

    private static URI target(URI from, String location, int redirects) {
        try {
            URI to = from.resolve(location);
            boolean usable = redirects < MOST_REDIRECTS && !location.isEmpty() && to.getHost() != null && to.getScheme().matches("(?i)https?");
            if (usable) return to;
        } catch (IllegalArgumentException unreadable) {
            // refused below, with what it was
        }
        throw Fault.of(EngineFault.HUB_INVALID, "the hub redirects to nowhere, or in circles").where(from).got(location)
                .expected("at most " + MOST_REDIRECTS + " redirects to http or https").next("check STOA_HUB_ENDPOINT").exception();
    }

    private HttpResponse<Flow.Publisher<List<ByteBuffer>>> send(HttpRequest request) throws Unavailable, InterruptedException {
        try {
            return http.send(request, BodyHandlers.ofPublisher());
        } catch (IOException failure) {
            throw new Unavailable("no connection to " + request.uri().getHost() + ": " + failure, null, failure);
        }
    }

    /// The etag the hub gives a file, or null when it gives none.
    static String etag(HttpHeaders headers) {
        String etag = headers.firstValue("X-Linked-Etag").or(() -> headers.firstValue("ETag")).orElse(null);
        return etag == null ? null : etag.replaceFirst("^W/", "").replace("\"", "");
    }

    /// Where a partial answer begins, or -1.
    static long start(HttpHeaders headers) {
        Matcher range = Pattern.compile("bytes (\\d{1,18})-\\d+/(?:\\d+|\\*)").matcher(headers.firstValue("Content-Range").orElse(""));
        return range.matches() ? Long.parseLong(range.group(1)) : -1;
    }

    @Override
    public void close() {
        http.shutdownNow();
    }
}
