// SPDX-License-Identifier: Apache-2.0
package dev.stoa.serve.http;

import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;

/// Server-sent events on a response stream: one frame per event, flushed at once. Whatever the transport throws when
/// the peer has left becomes [PeerGone]. Used by one thread.
public final class SseWriter {
    /// The client closed the connection; not an error of the request.
    public static final class PeerGone extends IOException {
        private static final long serialVersionUID = 1L;

        PeerGone(Throwable cause) {
            super("the client left", cause);
        }
    }

    private final OutputStream out;

    public SseWriter(OutputStream out) {
        this.out = out;
    }

    /// One `data:` frame holding a JSON value.
    public void data(Object value) throws PeerGone {
        frame("data: " + Json.text(value) + "\n\n");
    }

    /// The marker that ends an OpenAI stream.
    public void done() throws PeerGone {
        frame("data: [DONE]\n\n");
    }

    /// A comment that parsers skip; shows whether the peer is still there.
    public void ping() throws PeerGone {
        frame(": ping\n\n");
    }

    private void frame(String text) throws PeerGone {
        try {
            out.write(text.getBytes(StandardCharsets.UTF_8));
            out.flush();
        } catch (IOException | RuntimeException gone) {
            throw new PeerGone(gone);
        }
    }
}
