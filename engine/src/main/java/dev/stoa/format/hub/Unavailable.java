// SPDX-License-Identifier: Apache-2.0
package dev.stoa.format.hub;

import java.io.IOException;
import java.time.Duration;

/// The hub or the way to it failed; the same request may succeed later. `retryAfter` is what the hub asked for, or null.
final class Unavailable extends IOException {
    private static final long serialVersionUID = 1L;
    private final transient Duration retryAfter;

    Unavailable(String what, Duration retryAfter, Throwable cause) {
        super(what, cause);
        this.retryAfter = retryAfter;
    }

    Duration retryAfter() {
        return retryAfter;
    }
}
