// SPDX-License-Identifier: Apache-2.0
package dev.stoa.serve.pipeline;

import dev.stoa.generate.Event;
import java.util.List;

/// One finished choice: its visible text, why it ended, its tokens with log-probabilities when asked for, and what
/// it cost.
public record Answer(String text, String reason, List<Event.Token> tokens, Event.Usage usage) {}
