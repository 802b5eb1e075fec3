// SPDX-License-Identifier: Apache-2.0
package dev.stoa.serve.chat;

import dev.stoa.generate.Event;
import dev.stoa.serve.pipeline.Answer;
import dev.stoa.serve.pipeline.ChatRequest;
import dev.stoa.template.dialect.Block;
import dev.stoa.template.dialect.Dialect;
import dev.stoa.template.dialect.Output;
import dev.stoa.template.dialect.OutputParser;
import dev.stoa.template.dialect.ReasoningMode;
import dev.stoa.template.dialect.ToolDelta;
import java.security.SecureRandom;
import java.util.ArrayList;
import java.util.List;
import java.util.random.RandomGenerator;

/// Takes the answer of one choice apart while it comes: what is visible, what was thought, which tools it calls. Buffered
/// answers and streams read through it, so both say the same. Used by one thread.
final class ChoiceReader {
    private static final RandomGenerator IDS = new SecureRandom();

    private final OutputParser parser;
    private final ReasoningMode mode;
    private final boolean single;
    private final StringBuilder text = new StringBuilder();
    private final StringBuilder reasoning = new StringBuilder();
    private final List<Event.Token> tokens = new ArrayList<>();
    private final List<ToolDelta> heads = new ArrayList<>();
    private final List<StringBuilder> arguments = new ArrayList<>();
    private String parseError;
    private int sampled;
    private int thought;

    ChoiceReader(Dialect dialect, Block opened, ChatRequest request) {
        mode = request.stoa().thinking();
        single = request.tools().single();
        parser = new OutputParser(request.tools().offered() ? dialect : dialect.withoutTools(), opened, mode, request.tools().types(), IDS);
    }

    /// The pieces a client may see that this token made certain. Tokens of hidden reasoning are not among [#visible].
    List<Output> push(Event.Token token) {
        boolean inside = parser.inReasoning();
        List<Output> pieces = kept(parser.push(token.text()));
        inside |= parser.inReasoning();
        sampled++;
        if (inside) thought++;
        if (!inside || mode == ReasoningMode.SHOW) tokens.add(token);
        return pieces;
    }

    /// The last pieces; `rest` is text that the engine had held back.
    List<Output> finish(String rest) {
        List<Output> pieces = new ArrayList<>(kept(parser.push(rest)));
        pieces.addAll(kept(parser.finish()));
        return pieces;
    }

    private List<Output> kept(List<Output> outputs) {
        List<Output> pieces = new ArrayList<>();
        for (Output output : outputs) {
            switch (output) {
                case Output.Text visible -> {
                    text.append(visible.raw());
                    pieces.add(visible);
                }
                case Output.Reasoning hidden -> {
                    if (mode == ReasoningMode.CAPTURE) {
                        reasoning.append(hidden.raw());
                        pieces.add(hidden);
                    }
                }
                case Output.Marker ignored -> { }
                case Output.Tool(String ignored, ToolDelta delta) -> {
                    if (single && delta.index() > 0) continue;
                    if (delta.id() != null) {
                        heads.add(delta);
                        arguments.add(new StringBuilder());
                    }
                    arguments.get(delta.index()).append(delta.argumentsFragment());
                    pieces.add(output);
                }
                case Output.ToolParseError error -> {
                    parseError = error.why();
                    pieces.add(error);
                }
            }
        }
        return pieces;
    }

    /// Tokens of the visible part so far.
    List<Event.Token> visible() {
        return tokens;
    }

    /// OpenAI's count leaves out the token that ends the turn; the engine's includes it.
    Answer answer(String reason, Event.Usage usage) {
        List<Answer.Call> calls = new ArrayList<>();
        for (int i = 0; i < heads.size(); i++) calls.add(new Answer.Call(heads.get(i).id(), heads.get(i).name(), arguments.get(i).toString()));
        String why = !calls.isEmpty() && reason.equals("stop") ? "tool_calls" : reason;
        Event.Usage counted = new Event.Usage(usage.promptTokens(), usage.cachedTokens(), sampled, usage.queueMs(), usage.firstTokenMs(),
                usage.totalMs());
        return new Answer(text.toString(), why, tokens, counted,
                new Answer.Parts(reasoning.toString(), thought, parser.thinkingTruncated(), calls, parseError));
    }
}
