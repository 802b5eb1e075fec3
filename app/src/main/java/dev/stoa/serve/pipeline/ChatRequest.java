// SPDX-License-Identifier: Apache-2.0
package dev.stoa.serve.pipeline;

import dev.stoa.generate.Compose;
import dev.stoa.template.Message;
import dev.stoa.template.dialect.ReasoningMode;
import dev.stoa.template.dialect.ToolTypes;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/// A chat request as the pipeline sees it. Values that are null were not given: the model's defaults apply.
/// `user` is the caller's name for a person, the default subject of memory.
public record ChatRequest(
        String model, List<Message> messages, int choices, Sampling sampling, boolean stream, boolean includeUsage,
        String user, Tools tools, Map<String, Object> templateArguments, Options stoa) {
    public ChatRequest {
        messages = List.copyOf(messages);
        templateArguments = Collections.unmodifiableMap(new LinkedHashMap<>(templateArguments));
    }

    /// The tools the model may call, as values for the template and with their parameters' types. `single`: only the
    /// first call of an answer counts. `forced`: the answer must be a call, of the function it names; null leaves it to the model.
    public record Tools(List<Object> declared, ToolTypes types, boolean single, Forced forced) {
        public static final Tools NONE = new Tools(List.of(), ToolTypes.UNKNOWN, false, null);

        /// The function that must be called; a null name stands for any.
        public record Forced(String name) {}

        public Tools {
            declared = List.copyOf(declared);
        }

        public boolean offered() {
            return !declared.isEmpty();
        }
    }

    /// `logprobs` is -1 when off, else the number of alternatives per token.
    public record Sampling(
            Integer maxTokens, Double temperature, Double topP, Integer topK, Double minP, Long seed, List<String> stop,
            int logprobs) {
        public Sampling {
            stop = List.copyOf(stop);
        }
    }

    /// The request's `x_stoa` object; `given` tells whether it was there, so whether the response carries one.
    /// `experts` empty leaves the choice to `route`; `compose` null means auto; `timeoutMs` null the server's limit.
    public record Options(
            boolean given, List<Wish> experts, Routing route, Compose compose, Memory memory, int priority, Long timeoutMs,
            boolean explain, ReasoningMode thinking) {
        public static final Options NONE = new Options(false, List.of(), null, null, Memory.DEFAULT, 5, null, false, ReasoningMode.HIDE);

        public Options {
            experts = List.copyOf(experts);
        }
    }

    /// An expert by name; the weight is a multiple of 1/64.
    public record Wish(String id, double weight) {}

    /// How experts are chosen: by the router (up to four, or the best one), or not at all.
    public enum Routing { AUTO, OFF, TOP1 }

    /// `mode` null means the default of the model id. `write` null means: when a subject or conversation is named;
    /// true makes a failed write an error.
    public record Memory(Mode mode, Boolean write, String subject, String conversation, int k) {
        public static final Memory DEFAULT = new Memory(null, null, null, null, 3);

        /// FORCE recalls the best items however unlikely they are relevant.
        public enum Mode { AUTO, OFF, FORCE }
    }
}
