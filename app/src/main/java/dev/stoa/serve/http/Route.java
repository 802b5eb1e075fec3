// SPDX-License-Identifier: Apache-2.0
package dev.stoa.serve.http;

import java.util.List;

/// One row of the route table: `pattern` is a path whose `{name}` segments match anything but a slash.
public record Route(String method, String pattern, Access access, Handler handler) {
    /// OPEN needs no key even when keys are configured.
    public enum Access { OPEN, KEY }

    /// Answers a request that passed the border. A `FaultException` becomes the error body of its code.
    public interface Handler {
        Reply handle(Request request) throws Exception;
    }

    List<String> segments() {
        return List.of(pattern.split("/", -1));
    }
}
