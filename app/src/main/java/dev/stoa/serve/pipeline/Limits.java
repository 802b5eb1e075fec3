// SPDX-License-Identifier: Apache-2.0
package dev.stoa.serve.pipeline;

/// Time limits of a request in milliseconds. The router's includes reading the prompt's features with the base model.
public record Limits(long routeMs, long recallMs, long requestMs, long pingMs, int defaultMaxTokens) {
    public static final Limits DEFAULT = new Limits(2_000, 500, 600_000, 1_000, 512);
}
