// SPDX-License-Identifier: Apache-2.0
package dev.stoa.serve.http;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.LinkedHashMap;
import java.util.Map;

/// What a handler answers: bytes that are ready, or a stream of events written as they happen.
public sealed interface Reply {
    int status();

    Map<String, String> headers();

    /// A complete body.
    record Full(int status, Map<String, String> headers, String contentType, byte[] body) implements Reply {
        public Full {
            headers = Map.copyOf(headers);
        }
    }

    /// Server-sent events. `source` runs on the request's thread until it returns; it owns what it holds and must
    /// release it also when writing fails.
    record Events(Map<String, String> headers, Source source) implements Reply {
        public Events {
            headers = Map.copyOf(headers);
        }

        @Override
        public int status() {
            return 200;
        }
    }

    interface Source {
        void writeTo(SseWriter out) throws IOException;
    }

    static Reply json(int status, Object value) {
        return new Full(status, Map.of(), "application/json", Json.bytes(value));
    }

    static Reply json(Object value) {
        return json(200, value);
    }

    static Reply text(int status, String contentType, String text) {
        return new Full(status, Map.of(), contentType, text.getBytes(StandardCharsets.UTF_8));
    }

    default Reply with(Map<String, String> more) {
        Map<String, String> all = new LinkedHashMap<>(headers());
        all.putAll(more);
        return switch (this) {
            case Full full -> new Full(full.status, all, full.contentType, full.body);
            case Events events -> new Events(all, events.source);
        };
    }
}
