// SPDX-License-Identifier: Apache-2.0
package dev.stoa.serve.pipeline;

import dev.stoa.generate.Event;
import java.util.List;

/// One finished choice: its visible text, why it ended, its visible tokens with log-probabilities when asked for, what it
/// cost, and what was in it besides text.
public record Answer(String text, String reason, List<Event.Token> tokens, Event.Usage usage, Parts parts) {
    /// `reasoning` is empty unless it is captured; `reasoningTokens` counts it in every mode. `parseError` says why a tool
    /// block stayed text, or is null. `truncated`: the answer ended inside reasoning.
    public record Parts(String reasoning, int reasoningTokens, boolean truncated, List<Call> calls, String parseError) {
        public Parts {
            calls = List.copyOf(calls);
        }
    }

    /// A tool call; `arguments` is a JSON object in text.
    public record Call(String id, String name, String arguments) {}
}
