// SPDX-License-Identifier: Apache-2.0
package dev.stoa.serve.chat;

import dev.stoa.AppFault;
import dev.stoa.EngineFault;
import dev.stoa.Fault;
import dev.stoa.generate.Event;
import dev.stoa.serve.pipeline.Answer;
import dev.stoa.serve.pipeline.Exchange;
import java.util.ArrayList;
import java.util.List;

/// Gathers the events of all choices into answers. Used by one thread.
final class AnswerCollector {
    private final List<StringBuilder> texts = new ArrayList<>();
    private final List<List<Event.Token>> tokens = new ArrayList<>();
    private final List<Answer> answers = new ArrayList<>();
    private int open;
    private Fault failure;

    AnswerCollector(int choices) {
        open = choices;
        for (int i = 0; i < choices; i++) {
            texts.add(new StringBuilder());
            tokens.add(new ArrayList<>());
            answers.add(null);
        }
    }

    void accept(Exchange.Delivery delivery) {
        int choice = delivery.choice();
        switch (delivery.event()) {
            case Event.Started started -> { }
            case Event.Token token -> {
                texts.get(choice).append(token.text());
                tokens.get(choice).add(token);
            }
            case Event.Finished finished -> {
                open--;
                texts.get(choice).append(finished.text());
                answers.set(choice, new Answer(
                        texts.get(choice).toString(), finished.reason(), tokens.get(choice), counted(finished.usage(), tokens.get(choice).size())));
                if (finished.reason().equals("timeout") && failure == null) {
                    failure = Fault.of(EngineFault.TIMEOUT, "the answer was not finished in time").where("x_stoa.timeout_ms")
                            .next("ask for fewer tokens, or raise x_stoa.timeout_ms");
                }
                if (finished.reason().equals("cancelled") && failure == null) {
                    failure = Fault.of(AppFault.DRAINING, "the request was cancelled because the server is shutting down");
                }
            }
            case Event.Failed failed -> {
                open--;
                if (failure == null) failure = failed.fault();
            }
        }
    }

    /// OpenAI's count leaves out the token that ends the turn; the engine's includes it.
    private static Event.Usage counted(Event.Usage usage, int tokens) {
        return new Event.Usage(usage.promptTokens(), tokens, usage.queueMs(), usage.firstTokenMs(), usage.totalMs());
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
