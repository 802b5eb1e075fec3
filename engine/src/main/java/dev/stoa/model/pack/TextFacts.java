// SPDX-License-Identifier: Apache-2.0
package dev.stoa.model.pack;

import dev.stoa.FaultException;
import dev.stoa.format.Sha256;
import dev.stoa.model.ModelSpec;
import dev.stoa.model.pack.PackIssue.Code;
import dev.stoa.template.ChatTemplate;
import dev.stoa.token.Tokenizer;
import java.util.Set;

/// Tokenizer and template of a pack; null where there is none that can be used.
record TextFacts(Tokenizer tokenizer, String kind, String tokenizerHash, String template) {
    static final TextFacts NONE = new TextFacts(null, null, null, null);

    String templateHash() {
        return template == null ? null : Sha256.hex(template);
    }

    /// Holds tokenizer, template and end-of-text ids against each other and the model; `spec` may be null.
    void check(ModelSpec spec, Set<Integer> eosIds, String eosFile, String templateFile, Issues issues) {
        if (spec != null && tokenizer != null && spec.vocab() < tokenizer.size()) {
            issues.add(Code.VOCAB_MISMATCH, eosFile, "embed_tokens.weight", spec.vocab() + " rows", "at least " + tokenizer.size() + ", the tokenizer's size",
                    "use the tokenizer that came with the weights");
        }
        if (template != null) parse(templateFile, issues);
        if (spec == null || spec.head() == null) return;                    // an encoder needs neither
        if (template == null) {
            issues.add(Code.TEMPLATE_MISSING, templateFile, null, "nothing", "a chat template", "add chat_template.jinja to chat with the model");
        }
        if (eosIds.isEmpty()) {
            issues.add(Code.EOS_MISSING, eosFile, null, "no end-of-text token", "eos_token_id", "name it in generation_config.json, or answers end only at their limit");
        }
        for (int id : eosIds) {
            if (id >= 0 && id < spec.vocab()) continue;
            issues.add(Code.EOS_MISSING, eosFile, null, "end-of-text token " + id, "an id below " + spec.vocab(), "correct eos_token_id");
        }
    }

    private void parse(String file, Issues issues) {
        try {
            ChatTemplate.parse(template);
        } catch (FaultException refused) {
            issues.refused(Code.TEMPLATE_UNPARSABLE, refused.fault().where() == null ? file : file + " " + refused.fault().where(), refused.fault());
        }
    }
}
