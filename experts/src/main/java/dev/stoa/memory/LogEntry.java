// SPDX-License-Identifier: Apache-2.0
package dev.stoa.memory;

import com.fasterxml.jackson.annotation.JsonInclude;
import java.util.List;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.json.JsonMapper;

/// One change of the log, whole or absent: what a batch added, or which ids were forgotten. `facts` are rows as they
/// are after the change. `key` and `ids` let a repeated batch return its first acknowledgment.
@JsonInclude(JsonInclude.Include.NON_EMPTY)
record LogEntry(
        long seq, String key, List<String> ids, List<Episode> episodes, List<Fact> facts, List<String> forget,
        ForgetMode mode) {
    private static final JsonMapper JSON = JsonMapper.builder().build();

    LogEntry {
        ids = ids == null ? List.of() : List.copyOf(ids);
        episodes = episodes == null ? List.of() : List.copyOf(episodes);
        facts = facts == null ? List.of() : List.copyOf(facts);
        forget = forget == null ? List.of() : List.copyOf(forget);
    }

    static LogEntry forget(long seq, List<String> ids, ForgetMode mode) {
        return new LogEntry(seq, null, List.of(), List.of(), List.of(), ids, mode);
    }

    byte[] encode() {
        return JSON.writeValueAsBytes(this);
    }

    /// Throws `JacksonException` on bytes that are no entry.
    static LogEntry decode(byte[] bytes) throws JacksonException {
        return JSON.readValue(bytes, LogEntry.class);
    }

    /// The text as it stands inside an entry's bytes, without quotes; for searching files.
    static String escaped(String text) {
        String quoted = JSON.writeValueAsString(text);
        return quoted.substring(1, quoted.length() - 1);
    }
}
