// SPDX-License-Identifier: Apache-2.0
package dev.stoa.generate;

import dev.stoa.EngineFault;
import dev.stoa.Fault;
import dev.stoa.FaultException;
import dev.stoa.format.Gguf;
import dev.stoa.format.GgufMetadata;
import dev.stoa.format.ModelDirectory;
import dev.stoa.format.ModelFiles;
import dev.stoa.template.ChatTemplate;
import dev.stoa.token.GgufTokenizer;
import dev.stoa.token.Tokenizer;
import dev.stoa.token.TokenizerJson;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import tools.jackson.databind.JsonNode;

/// How a model's files turn conversations into ids: tokenizer, chat template (null when they hold none), the
/// variables templates expect (`bos_token`, `eos_token`, …) and the identities of both. Hashes are null when unknown.
public record TextSetup(
        Tokenizer tokenizer, ChatTemplate template, Map<String, Object> variables, String tokenizerHash, String templateHash) {
    private static final List<String> NAMED = List.of("bos_token", "eos_token", "unk_token", "pad_token");
    /// The same tokens, as GGUF calls them.
    private static final List<String> GGUF_NAMED = List.of("bos", "eos", "unknown", "padding");

    public TextSetup {
        variables = Collections.unmodifiableMap(new LinkedHashMap<>(variables));
    }

    /// A bare tokenizer, or nothing at all when it is null.
    static TextSetup of(Tokenizer tokenizer) {
        return new TextSetup(tokenizer, null, Map.of(), null, null);
    }

    static TextSetup of(ModelFiles files) {
        Map<String, Object> variables = new LinkedHashMap<>();
        Tokenizer tokenizer = switch (files) {
            case ModelDirectory directory -> {
                for (String name : NAMED) {
                    String token = tokenText(directory.tokenizerConfig(), name);
                    if (token != null) variables.put(name, token);
                }
                yield TokenizerJson.parse(directory.tokenizerJson());
            }
            case Gguf gguf -> fromMetadata(gguf, variables);
        };
        ChatTemplate template = files.chatTemplate() == null ? null : ChatTemplate.parse(files.chatTemplate());
        return new TextSetup(tokenizer, template, variables, files.tokenizerHash(), files.templateHash());
    }

    private static Tokenizer fromMetadata(Gguf gguf, Map<String, Object> variables) {
        GgufMetadata metadata = gguf.metadata();
        String list = "tokenizer.ggml.tokens";
        if (!metadata.has(list) || !metadata.has("tokenizer.ggml.model")) {
            throw Fault.of(EngineFault.TOKENIZER_INVALID, "the GGUF file holds no tokenizer").where(gguf.path())
                    .got(gguf.tokenizerHash() == null ? "no tokenizer.ggml.* metadata" : "incomplete tokenizer.ggml.* metadata")
                    .expected("tokenizer.ggml.model and " + list)
                    .next("convert the model again together with its tokenizer, or use the directory it came from").exception();
        }
        Tokenizer tokenizer = GgufTokenizer.parse(metadata);
        List<String> tokens = metadata.texts(list);
        for (int i = 0; i < NAMED.size(); i++) {
            String key = "tokenizer.ggml." + GGUF_NAMED.get(i) + "_token_id";
            if (!metadata.has(key)) continue;
            int id = metadata.integer(key);
            if (id < 0 || id >= tokens.size()) throw outside(metadata, key, tokens.size());
            variables.put(NAMED.get(i), tokens.get(id));
        }
        return tokenizer;
    }

    static FaultException outside(GgufMetadata metadata, String key, int size) {
        return metadata.fault(key, "a special token is outside the vocabulary").expected("an id from 0 to " + (size - 1))
                .next("convert the model again with a current converter").exception();
    }

    /// A token named in `tokenizer_config.json`, written as a text or as an object with `content`; null when absent.
    static String tokenText(JsonNode tokenizerConfig, String name) {
        JsonNode token = tokenizerConfig == null ? null : tokenizerConfig.get(name);
        if (token != null && token.isObject()) token = token.get("content");
        return token != null && token.isString() ? token.stringValue() : null;
    }
}
