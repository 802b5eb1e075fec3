// SPDX-License-Identifier: Apache-2.0
package dev.stoa.cli;

import dev.stoa.template.dialect.Output;
import dev.stoa.template.dialect.OutputParser;
import dev.stoa.template.dialect.ToolDelta;
import java.util.ArrayList;
import java.util.List;

/// The parts of an answer, sorted while it comes: what is visible, what was thought, which tools it calls. For one thread.
final class AnswerParts {
    /// Where the parts of an answer go while they come.
    interface Listener {
        void text(String piece);

        void reasoning(String piece);

        /// A call as a whole; `arguments` is a JSON object.
        void call(String name, String arguments);

        /// What looked like a call and could not be read follows as text.
        void unreadable(String why);
    }

    record Call(String name, String arguments) {}

    private final OutputParser parser;
    private final Listener listener;
    private final StringBuilder text = new StringBuilder();
    private final StringBuilder reasoning = new StringBuilder();
    private final List<Call> calls = new ArrayList<>();
    private String name;
    private StringBuilder arguments = new StringBuilder();

    AnswerParts(OutputParser parser, Listener listener) {
        this.parser = parser;
        this.listener = listener;
    }

    void push(String piece) {
        parser.push(piece).forEach(this::take);
    }

    void finish() {
        parser.finish().forEach(this::take);
        call();
    }

    private void take(Output output) {
        switch (output) {
            case Output.Text(String piece) -> {
                call();
                text.append(piece);
                listener.text(piece);
            }
            case Output.Reasoning(String piece) -> {
                reasoning.append(piece);
                listener.reasoning(piece);
            }
            case Output.Marker ignored -> call();
            case Output.Tool(String ignored, ToolDelta delta) -> {
                if (delta.name() != null) {
                    call();
                    name = delta.name();
                }
                arguments.append(delta.argumentsFragment());
            }
            case Output.ToolParseError error -> {
                call();
                listener.unreadable(error.why());
            }
        }
    }

    /// The call whose pieces are all here.
    private void call() {
        if (name == null) return;
        calls.add(new Call(name, arguments.toString()));
        listener.call(name, arguments.toString());
        name = null;
        arguments = new StringBuilder();
    }

    String text() {
        return text.toString();
    }

    String reasoning() {
        return reasoning.toString();
    }

    List<Call> calls() {
        return List.copyOf(calls);
    }
}
