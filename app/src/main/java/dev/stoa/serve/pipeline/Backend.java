// SPDX-License-Identifier: Apache-2.0
package dev.stoa.serve.pipeline;

import dev.stoa.generate.Generator;
import dev.stoa.memory.MemoryStore;
import dev.stoa.route.Router;
import dev.stoa.serve.expert.Experts;
import dev.stoa.template.Message;
import dev.stoa.template.dialect.Block;
import dev.stoa.template.dialect.Dialect;
import dev.stoa.token.Tokenizer;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

/// What a server answers with. `router` and `memory` may be null: then every request goes without. Whoever made the
/// parts closes them, after the server.
public record Backend(
        Model model, Generator generator, Tokenizer tokenizer, PromptEncoder prompts, Experts experts, Router router,
        MemoryStore memory) {

    /// The base model's facts. `contextTokens` counts prompt and answer together.
    /// `dialect` is how it marks reasoning and tool calls.
    public record Model(String id, String hash, int contextTokens, Defaults defaults, String kernels, Dialect dialect) {}

    /// Sampling when the request does not say, from the model's generation config.
    public record Defaults(double temperature, double topP, int topK) {
        public static final Defaults PLAIN = new Defaults(0.7, 1, 0);
    }

    /// Ids of a prompt that ends with the header of the answer's turn, and the reasoning block it leaves open, or null.
    public record Prompt(int[] ids, Block opened) {}

    /// Conversations to prompts.
    public interface PromptEncoder {
        /// `tools` are shown to the model when there are any, `arguments` go to the template as they are.
        Prompt prompt(List<Message> messages, List<Object> tools, Map<String, Object> arguments);
    }

    /// Special tokens whose text is part of an answer's: the markers that its reader takes apart.
    public static Set<Integer> markers(Dialect dialect, Tokenizer tokenizer) {
        Set<Integer> ids = new HashSet<>();
        for (String marker : dialect.markers()) {
            int id = tokenizer.id(marker);
            if (id >= 0 && tokenizer.isSpecial(id)) ids.add(id);
        }
        return Set.copyOf(ids);
    }

    Set<Integer> markers() {
        return markers(model.dialect(), tokenizer);
    }
}
