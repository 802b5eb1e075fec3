// SPDX-License-Identifier: Apache-2.0
package dev.stoa.generate;

import dev.stoa.EngineFault;
import dev.stoa.Fault;
import dev.stoa.FaultException;
import dev.stoa.format.Gguf;
import dev.stoa.format.GgufMetadata;
import dev.stoa.format.ModelDirectory;
import dev.stoa.format.ModelFiles;
import dev.stoa.model.ConfigReader;
import dev.stoa.model.ModelSpec;
import dev.stoa.template.Message;
import dev.stoa.token.Tokenizer;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import tools.jackson.databind.JsonNode;

/// The tokens that end an answer (models.md, section 1.3): models name them in several places that often disagree, and all
/// of them count.
final class EosIds {
    private static final System.Logger LOG = System.getLogger("dev.stoa.generate");
    /// Stands for an answer, to see what the template writes after one; no template looks for it.
    private static final String ANSWER = "\uE000answer\uE001";

    private EosIds() {}

    /// Union of the config's, those of generation_config.json and tokenizer_config.json or of the GGUF metadata, and the
    /// token with which the chat template ends a turn.
    static List<Integer> of(ModelSpec spec, ModelFiles files, TextSetup text) {
        TreeSet<Integer> ids = new TreeSet<>(spec.eosIds());
        switch (files) {
            case ModelDirectory directory -> fromDirectory(directory, text.tokenizer(), ids);
            case Gguf gguf -> fromMetadata(gguf.metadata(), text.tokenizer(), ids);
        }
        int turn = endOfTurn(text);
        if (turn >= 0) ids.add(turn);
        return List.copyOf(ids);
    }

    private static void fromDirectory(ModelDirectory directory, Tokenizer tokenizer, Set<Integer> ids) {
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
    }

    /// End of sequence, of turn and of message.
    private static void fromMetadata(GgufMetadata metadata, Tokenizer tokenizer, Set<Integer> ids) {
        for (String name : List.of("eos", "eot", "eom")) {
            String key = "tokenizer.ggml." + name + "_token_id";
            if (!metadata.has(key)) continue;
            int id = metadata.integer(key);
            if (id < 0 || id >= tokenizer.size()) throw TextSetup.outside(metadata, key, tokenizer.size());
            ids.add(id);
        }
    }

    /// The special token that the template writes right after an answer, or -1.
    private static int endOfTurn(TextSetup text) {
        if (text.template() == null) return -1;
        String rendered;
        try {
            rendered = text.template().render(List.of(new Message("user", "question"), new Message("assistant", ANSWER)), false, text.variables()).text();
        } catch (FaultException refused) {
            LOG.log(System.Logger.Level.DEBUG, "event=end_of_turn_unknown fault={0}", refused.fault().oneLine());
            return -1;
        }
        int after = rendered.lastIndexOf(ANSWER);
        if (after < 0) return -1;
        int[] ids = text.tokenizer().encode(rendered.substring(after + ANSWER.length()), true);
        return ids.length > 0 && text.tokenizer().isSpecial(ids[0]) ? ids[0] : -1;
    }
}
