// SPDX-License-Identifier: Apache-2.0
package dev.stoa.serve.pipeline;

import java.util.List;

/// What a model id means: experts named by it, or a choice left to the router, or the base alone.
/// `pipeline` is true for the automatic pipeline, where routing and memory are on unless the request says otherwise.
public record Selection(boolean pipeline, List<ChatRequest.Wish> experts) {
    public static final Selection BASE = new Selection(false, List.of());
    public static final Selection AUTO = new Selection(true, List.of());

    public Selection {
        experts = List.copyOf(experts);
    }
}
