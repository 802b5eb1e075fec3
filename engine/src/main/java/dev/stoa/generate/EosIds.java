// SPDX-License-Identifier: Apache-2.0
package dev.stoa.generate;

import dev.stoa.EngineFault;
import dev.stoa.Fault;
import dev.stoa.format.ModelDirectory;
import dev.stoa.model.ConfigReader;
import dev.stoa.model.ModelSpec;
import dev.stoa.token.Tokenizer;
import java.util.List;
import java.util.TreeSet;
import tools.jackson.databind.JsonNode;

/// The tokens that end an answer: models name them in up to three files that often disagree, and all of them count.
final class EosIds {
    private EosIds() {}

    /// Union of config.json, generation_config.json and the `eos_token` of tokenizer_config.json.
    static List<Integer> of(ModelSpec spec, ModelDirectory directory, Tokenizer tokenizer) {
        TreeSet<Integer> ids = new TreeSet<>(spec.eosIds());
        JsonNode generation = directory.generationConfig();
        JsonNode named = generation == null ? null : generation.get("eos_token_id");
        if (named != null && !named.isNull()) {
            List<Integer> read = ConfigReader.readIds(named);
            if (read == null) {
                throw Fault.of(EngineFault.CONFIG_INVALID, "eos_token_id is neither an id nor a list of ids")
                        .where(directory.path().resolve("generation_config.json")).got(named).exception();
            }
            ids.addAll(read);
        }
        String token = TextSetup.tokenText(directory.tokenizerConfig(), "eos_token");
        if (token != null && tokenizer.id(token) >= 0) ids.add(tokenizer.id(token));
        return List.copyOf(ids);
    }
}
