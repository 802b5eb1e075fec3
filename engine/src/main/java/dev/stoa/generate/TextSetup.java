// SPDX-License-Identifier: Apache-2.0
package dev.stoa.generate;

import dev.stoa.format.ModelDirectory;
import dev.stoa.template.ChatTemplate;
import dev.stoa.token.Tokenizer;
import dev.stoa.token.TokenizerJson;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import tools.jackson.databind.JsonNode;

/// How a model directory turns conversations into ids: tokenizer, chat template (null when it ships none), the
/// variables templates expect (`bos_token`, `eos_token`, …) and the identities of both. Hashes are null when unknown.
public record TextSetup(
        Tokenizer tokenizer, ChatTemplate template, Map<String, Object> variables, String tokenizerHash, String templateHash) {
    private static final List<String> NAMED = List.of("bos_token", "eos_token", "unk_token", "pad_token");

    public TextSetup {
        variables = Collections.unmodifiableMap(new LinkedHashMap<>(variables));
    }

    /// A bare tokenizer, or nothing at all when it is null.
    static TextSetup of(Tokenizer tokenizer) {
        return new TextSetup(tokenizer, null, Map.of(), null, null);
    }

    static TextSetup of(ModelDirectory directory) {
        Map<String, Object> variables = new LinkedHashMap<>();
        for (String name : NAMED) {
            String token = tokenText(directory.tokenizerConfig(), name);
            if (token != null) variables.put(name, token);
        }
        ChatTemplate template = directory.chatTemplate() == null ? null : ChatTemplate.parse(directory.chatTemplate());
        return new TextSetup(TokenizerJson.parse(directory.tokenizerJson()), template, variables, directory.tokenizerHash(),
                directory.templateHash());
    }

    /// A token named in `tokenizer_config.json`, written as a text or as an object with `content`; null when absent.
    static String tokenText(JsonNode tokenizerConfig, String name) {
        JsonNode token = tokenizerConfig == null ? null : tokenizerConfig.get(name);
        if (token != null && token.isObject()) token = token.get("content");
        return token != null && token.isString() ? token.stringValue() : null;
    }
}
