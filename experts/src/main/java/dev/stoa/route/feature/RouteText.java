// SPDX-License-Identifier: Apache-2.0
package dev.stoa.route.feature;

import dev.stoa.template.Message;
import java.util.List;

/// The conversation as features see it: everything before the current user message, and that message.
public record RouteText(List<Message> before, String user) {
    public RouteText {
        before = List.copyOf(before);
    }

    public static RouteText of(String user) {
        return new RouteText(List.of(), user);
    }

    /// Splits at the last user message; without one the current message is empty.
    public static RouteText of(List<Message> messages) {
        for (int i = messages.size() - 1; i >= 0; i--) {
            if (messages.get(i).role().equals("user")) {
                return new RouteText(messages.subList(0, i), messages.get(i).content());
            }
        }
        return new RouteText(messages, "");
    }
}
