// SPDX-License-Identifier: Apache-2.0
package dev.stoa.format.hub;

import dev.stoa.EngineFault;
import dev.stoa.Fault;
import java.io.IOException;
import java.net.URI;
import java.net.URLEncoder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/// Where a hub is and who asks. `token` is null for nobody in particular; it is sent to this origin only.
public record HubEndpoint(URI address, String token) {
    private static final String PUBLIC = "https://huggingface.co";
    private static final long LONGEST_TOKEN = 4096;

    public HubEndpoint {
        boolean http = address.getHost() != null && address.getScheme() != null && address.getScheme().matches("https?") && address.getUserInfo() == null;
        if (!http) {
            throw Fault.of(EngineFault.OUT_OF_RANGE, "this is not the address of a hub").got(address).expected("https://HOST")
                    .next("correct STOA_HUB_ENDPOINT or HF_ENDPOINT").exception();
        }
    }

    /// `STOA_HUB_ENDPOINT`, else `HF_ENDPOINT`, else the public hub; the token of `HF_TOKEN`, else the one other tools keep.
    public static HubEndpoint of(Map<String, String> env) throws IOException {
        String set = env.getOrDefault("STOA_HUB_ENDPOINT", "");
        if (set.isEmpty()) set = env.getOrDefault("HF_ENDPOINT", "");
        String address = (set.isEmpty() ? PUBLIC : set).replaceFirst("/+$", "");
        URI uri;
        try {
            uri = URI.create(address);
        } catch (IllegalArgumentException unreadable) {
            throw Fault.of(EngineFault.OUT_OF_RANGE, "this is not the address of a hub").got(address).expected("https://HOST")
                    .next("correct STOA_HUB_ENDPOINT or HF_ENDPOINT").exception();
        }
        return new HubEndpoint(uri, token(env));
    }

    private static String token(Map<String, String> env) throws IOException {
        String token = env.getOrDefault("HF_TOKEN", "").strip();
        if (token.isEmpty()) {
            String path = env.getOrDefault("HF_TOKEN_PATH", "");
            Path file = path.isEmpty() ? HubCache.home(env).resolve("token") : Path.of(path);
            if (Files.isRegularFile(file) && Files.size(file) <= LONGEST_TOKEN) token = Files.readString(file).strip();
        }
        if (token.isEmpty()) return null;
        if (!token.matches("[\\x21-\\x7e]+")) {
            throw Fault.of(EngineFault.OUT_OF_RANGE, "the hub token has characters no token has").expected("letters and digits").next("correct HF_TOKEN").exception();
        }
        return token;
    }

    /// What a revision is: its commit and files.
    URI info(HubRepo repo, String revision) {
        return URI.create("%s/api/%s/%s/revision/%s?blobs=true".formatted(address, repo.kind().plural, repo.id(), encoded(revision)));
    }

    /// The content of one file of a commit.
    URI file(HubRepo repo, String commit, String path) {
        List<String> parts = new ArrayList<>();
        for (String part : path.split("/")) parts.add(encoded(part));
        return URI.create("%s/%s%s/resolve/%s/%s".formatted(address, repo.kind().prefix, repo.id(), commit, String.join("/", parts)));
    }

    private static String encoded(String text) {
        return URLEncoder.encode(text, StandardCharsets.UTF_8).replace("+", "%20");
    }

    /// Whether two addresses have the same scheme, host and port.
    static boolean sameOrigin(URI one, URI other) {
        return one.getScheme().equalsIgnoreCase(other.getScheme()) && one.getHost().equalsIgnoreCase(other.getHost()) && port(one) == port(other);
    }

    private static int port(URI uri) {
        if (uri.getPort() >= 0) return uri.getPort();
        return uri.getScheme().equalsIgnoreCase("https") ? 443 : 80;
    }

    @Override
    public String toString() {
        return address.toString();
    }
}
