// SPDX-License-Identifier: Apache-2.0
package dev.stoa.cli;

import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.time.Duration;
import java.util.Optional;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/// Asks a running server how it is.
final class HealthCall {
    private HealthCall() {}

    /// The `/health` document, or empty when nothing answers within two seconds.
    static Optional<JsonNode> of(String url) throws InterruptedException {
        try (HttpClient client = HttpClient.newBuilder().connectTimeout(Duration.ofSeconds(2)).build()) {
            HttpRequest request = HttpRequest.newBuilder(URI.create(url + "/health")).timeout(Duration.ofSeconds(2)).build();
            return Optional.of(JsonMapper.shared().readTree(client.send(request, HttpResponse.BodyHandlers.ofString()).body()));
        } catch (IOException | JacksonException | IllegalArgumentException silent) {
            return Optional.empty();
        }
    }
}
