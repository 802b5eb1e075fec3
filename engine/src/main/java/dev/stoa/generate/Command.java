// SPDX-License-Identifier: Apache-2.0
package dev.stoa.generate;

import dev.stoa.adapter.Adapter;
import java.util.concurrent.CompletableFuture;

/// What other threads ask of the engine's thread; carried out between two steps, in order.
sealed interface Command {
    record Submit(Sequence sequence) implements Command {}

    record Cancel(Sequence sequence) implements Command {}

    /// Ends every request that computes with this adapter.
    record CancelUsers(Adapter adapter) implements Command {}

    record Ask(CompletableFuture<EngineStats> answer) implements Command {}

    record Stop() implements Command {}
}
