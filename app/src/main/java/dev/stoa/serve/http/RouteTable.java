// SPDX-License-Identifier: Apache-2.0
package dev.stoa.serve.http;

import dev.stoa.AppFault;
import dev.stoa.Fault;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeSet;

/// Every path the server answers; anything else is 404. Immutable.
public final class RouteTable {
    private final List<Route> routes;

    public RouteTable(List<Route> routes) {
        this.routes = List.copyOf(routes);
    }

    public List<Route> routes() {
        return routes;
    }

    record Match(Route route, Map<String, String> parameters) {}

    /// The route of a request; `not_found` or `method_not_allowed` otherwise.
    Match find(String method, String path) {
        List<String> segments = List.of(path.split("/", -1));
        TreeSet<String> methods = new TreeSet<>();
        for (Route route : routes) {
            Map<String, String> parameters = match(route.segments(), segments);
            if (parameters == null) continue;
            if (route.method().equals(method)) return new Match(route, parameters);
            methods.add(route.method());
        }
        if (!methods.isEmpty()) {
            throw Fault.of(AppFault.METHOD_NOT_ALLOWED, "%s is not allowed here", method).where(path)
                    .expected(String.join(", ", methods)).exception();
        }
        List<String> near = Nearest.to(path, routes.stream().map(Route::pattern).toList());
        Fault fault = Fault.of(AppFault.NOT_FOUND, "there is nothing at %s", path);
        throw (near.isEmpty() ? fault : fault.expected("did you mean " + String.join(", ", near) + "?")).exception();
    }

    private static Map<String, String> match(List<String> pattern, List<String> segments) {
        if (pattern.size() != segments.size()) return null;
        Map<String, String> parameters = new LinkedHashMap<>();
        for (int i = 0; i < pattern.size(); i++) {
            String want = pattern.get(i);
            String have = segments.get(i);
            if (want.startsWith("{")) {
                if (have.isEmpty()) return null;
                parameters.put(want.substring(1, want.length() - 1), have);
            } else if (!want.equals(have)) {
                return null;
            }
        }
        return parameters;
    }
}
