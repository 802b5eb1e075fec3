// SPDX-License-Identifier: Apache-2.0
package dev.stoa.serve.chat;

import dev.stoa.AppFault;
import dev.stoa.EngineFault;
import dev.stoa.Fault;
import dev.stoa.generate.Event;
import dev.stoa.serve.pipeline.Answer;
import dev.stoa.serve.pipeline.ChatRequest;
import dev.stoa.serve.pipeline.Exchange;
import dev.stoa.serve.pipeline.Running;
import dev.stoa.template.dialect.Dialect;
import dev.stoa.template.dialect.Output;
import java.util.ArrayList;
import java.util.List;

/// Gathers the events of all choices into answers. Used by one thread.
final class AnswerCollector {
    private final List<ChoiceReader> readers = new ArrayList<>();
    private final List<Answer> answers = new ArrayList<>();
    private int open;
    private Fault failure;

    AnswerCollector(Running running, Dialect dialect) {
        ChatRequest request = running.state().request();
        open = request.choices();
        for (int i = 0; i < open; i++) {
            readers.add(new ChoiceReader(dialect, running.opened(), request));
            answers.add(null);
        }
    }

    /// What the event made certain, for those who stream.
    List<Output> accept(Exchange.Delivery delivery) {
        ChoiceReader reader = readers.get(delivery.choice());
        switch (delivery.event()) {
            case Event.Started started -> { }
            case Event.Token token -> {
                return reader.push(token);
            }
            case Event.Finished finished -> {
                open--;
                List<Output> rest = reader.finish(finished.text());
                answers.set(delivery.choice(), reader.answer(finished.reason(), finished.usage()));
                if (finished.reason().equals("timeout") && failure == null) {
                    failure = Fault.of(EngineFault.TIMEOUT, "the answer was not finished in time").where("x_stoa.timeout_ms")
                            .next("ask for fewer tokens, or raise x_stoa.timeout_ms");
                }
                if (finished.reason().equals("cancelled") && failure == null) {
                    failure = Fault.of(AppFault.DRAINING, "the request was cancelled because the server is shutting down");
                }
                return rest;
            }
            case Event.Failed failed -> {
                open--;
                if (failure == null) failure = failed.fault();
            }
        }
        return List.of();
    }

    /// Visible tokens of a choice so far.
    List<Event.Token> visible(int choice) {
        return readers.get(choice).visible();
    }

    boolean complete() {
        return open == 0;
    }

    /// The first problem of any choice, or null.
    Fault failure() {
        return failure;
    }

    void requireAnswers() {
        if (failure != null) throw failure.exception();
    }

    /// In the order of the choices; complete only when no choice failed.
    List<Answer> answers() {
        return answers;
    }
}
