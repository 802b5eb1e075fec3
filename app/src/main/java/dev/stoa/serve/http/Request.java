// SPDX-License-Identifier: Apache-2.0
package dev.stoa.serve.http;

import java.util.Map;

/// One HTTP request, read completely. Header names are lower case; `parameters` holds the `{name}` parts of the path.
/// `tenant` is who asks, set by the border from the key and never from the body.
public record Request(
        String id, String method, String path, Map<String, String> query, Map<String, String> headers, byte[] body,
        Map<String, String> parameters, String tenant) {
    public Request {
        query = Map.copyOf(query);
        headers = Map.copyOf(headers);
        parameters = Map.copyOf(parameters);
    }

    public Request(
            String id, String method, String path, Map<String, String> query, Map<String, String> headers, byte[] body) {
        this(id, method, path, query, headers, body, Map.of(), "");
    }

    public String header(String lowerCaseName) {
        return headers.getOrDefault(lowerCaseName, "");
    }

    public String parameter(String name) {
        return parameters.get(name);
    }

    Request matched(Map<String, String> pathParameters) {
        return new Request(id, method, path, query, headers, body, pathParameters, tenant);
    }

    Request from(String who) {
        return new Request(id, method, path, query, headers, body, parameters, who);
    }
}
