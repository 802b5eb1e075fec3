// SPDX-License-Identifier: Apache-2.0
package dev.stoa.template;

import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Map;

/// One turn of a conversation: role is `system`, `user`, `assistant` or `tool`. `more` are further fields that templates
/// read (`tool_calls`, `tool_call_id`, `name`, `reasoning_content`), as values of [ChatTemplate#render].
public record Message(String role, String content, Map<String, Object> more) {
    public Message {
        more = Collections.unmodifiableMap(new LinkedHashMap<>(more));
    }

    public Message(String role, String content) {
        this(role, content, Map.of());
    }

    public Message withContent(String text) {
        return new Message(role, text, more);
    }
}
