// SPDX-License-Identifier: Apache-2.0
package dev.stoa.serve.http;

import dev.stoa.AppFault;
import dev.stoa.Fault;
import java.net.URI;
import java.util.Locale;
import java.util.Set;

/// Who may come in: API keys, and on a loopback address the Host and Origin of the request, so that a web page
/// cannot reach this server through a name that points to 127.0.0.1 (DNS rebinding).
public final class Border {
    private final ApiKeys keys;
    private final Set<String> hosts;

    /// `hosts` are the allowed host names, lower case; empty allows any (a public address behind keys).
    public Border(ApiKeys keys, Set<String> hosts) {
        this.keys = keys;
        this.hosts = Set.copyOf(hosts);
    }

    public static final Set<String> LOOPBACK = Set.of("localhost", "127.0.0.1", "[::1]", "::1");

    /// Throws when the request may not pass; returns it with its tenant.
    Request admit(Request request, Route route) {
        if (!hosts.isEmpty()) {
            String host = name(request.header("host"));
            if (!hosts.contains(host)) refuse("host", host);
            String origin = request.header("origin");
            if (!origin.isEmpty() && !request.method().equals("GET")) {
                String from = originHost(origin);
                if (!hosts.contains(from)) refuse("origin", origin);
            }
        }
        return route.access() == Route.Access.OPEN ? request.from("") : request.from(keys.tenant(request));
    }

    private void refuse(String header, String got) {
        throw Fault.of(AppFault.HOST_NOT_ALLOWED, "the %s header names another site", header).got(got)
                .expected("one of " + String.join(", ", new java.util.TreeSet<>(hosts))).exception();
    }

    /// The host without its port: `localhost:8000` is `localhost`, `[::1]:8000` is `[::1]`.
    private static String name(String host) {
        String lower = host.toLowerCase(Locale.ROOT).strip();
        int end = lower.startsWith("[") ? lower.indexOf(']') + 1 : lower.indexOf(':');
        return end > 0 ? lower.substring(0, end) : lower;
    }

    private static String originHost(String origin) {
        try {
            String host = URI.create(origin).getHost();
            return host == null ? "" : host.toLowerCase(Locale.ROOT);
        } catch (IllegalArgumentException malformed) {
            return "";
        }
    }
}
