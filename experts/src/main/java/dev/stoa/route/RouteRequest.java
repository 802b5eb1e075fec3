// SPDX-License-Identifier: Apache-2.0
package dev.stoa.route;

import dev.stoa.template.Message;
import java.util.List;

/// One request to route. `conversation` may be null; with one, a label of the previous turn is preferred on near ties.
public record RouteRequest(String tenant, String conversation, List<Message> messages, RouteOptions options) {
    public RouteRequest {
        if (tenant == null) throw new IllegalArgumentException("a route request needs a tenant");
        messages = List.copyOf(messages);
        if (options == null) options = RouteOptions.DEFAULT;
    }

    /// A single user message without conversation, with default options.
    public static RouteRequest of(String tenant, String text) {
        return new RouteRequest(tenant, null, List.of(new Message("user", text)), RouteOptions.DEFAULT);
    }
}
