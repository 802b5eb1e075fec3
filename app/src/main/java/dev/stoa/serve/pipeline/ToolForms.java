// SPDX-License-Identifier: Apache-2.0
package dev.stoa.serve.pipeline;

import dev.stoa.generate.grammar.Constraint;
import dev.stoa.generate.grammar.ToolGrammar;
import dev.stoa.template.dialect.Block;
import dev.stoa.template.dialect.Dialect;
import dev.stoa.token.Tokenizer;
import java.util.LinkedHashMap;
import java.util.List;

/// The forms of answers that must call a tool. Clients send the same tools again and again: a form keeps what the engine
/// has learned about the vocabulary in its states. Thread-safe; the engine's thread alone runs the forms.
final class ToolForms {
    private static final int MOST = 16;
    private final Dialect dialect;
    private final Tokenizer tokenizer;
    private final LinkedHashMap<Key, Constraint> recent = new LinkedHashMap<>(16, 0.75f, true);

    private record Key(List<Object> tools, String only, boolean single, Block opened) {}

    ToolForms(Dialect dialect, Tokenizer tokenizer) {
        this.dialect = dialect;
        this.tokenizer = tokenizer;
    }

    /// The form for these tools, or null when the model may choose.
    synchronized Constraint of(ChatRequest.Tools tools, Block opened) {
        if (tools.forced() == null) return null;
        Key key = new Key(tools.declared(), tools.forced().name(), tools.single(), opened);
        Constraint form = recent.computeIfAbsent(key, one -> ToolGrammar.of(dialect, tokenizer, one.tools, one.only, one.single, one.opened));
        if (recent.size() > MOST) recent.pollFirstEntry();
        return form;
    }
}
