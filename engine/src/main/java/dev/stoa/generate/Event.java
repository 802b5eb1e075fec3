// SPDX-License-Identifier: Apache-2.0
package dev.stoa.generate;

import dev.stoa.Fault;
import java.util.List;

/// What happens to a request, in order; exactly one terminal event ([Finished] or [Failed]).
public sealed interface Event {
    record Started(int promptTokens, long seed) implements Event {}

    /// A sampled token; `text` is the visible text it completed (may be empty while a character or a possible
    /// stop string is held back).
    record Token(int id, String text, TokenLogprob logprob) implements Event {}

    /// `reason` is stop, length, cancelled or timeout; `text` is visible text flushed at the end.
    record Finished(String reason, String stopDetail, String text, Usage usage) implements Event {}

    record Failed(Fault fault) implements Event {}

    record Usage(int promptTokens, int cachedTokens, int completionTokens, double queueMs, double firstTokenMs, double totalMs) {}

    /// Log-probability of the sampled token and the best alternatives, from the raw logits.
    record TokenLogprob(double logprob, List<Alternative> top) {
        public record Alternative(int id, double logprob) {}
    }
}
