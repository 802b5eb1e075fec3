// SPDX-License-Identifier: Apache-2.0
package dev.stoa.generate;

/// Who asks and how long they wait. `deadlineNanos` is a `System.nanoTime()` value, Long.MAX_VALUE for none.
public record Context(String tenant, long deadlineNanos) {
    public static final Context NONE = new Context("", Long.MAX_VALUE);

    public static Context within(String tenant, long timeoutMs) {
        return new Context(tenant, System.nanoTime() + timeoutMs * 1_000_000);
    }
}
