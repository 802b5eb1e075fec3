// SPDX-License-Identifier: Apache-2.0
package dev.stoa.cli;

import dev.stoa.adapter.Adapter;
import dev.stoa.adapter.AdapterSet;
import dev.stoa.generate.Compose;
import dev.stoa.generate.Context;
import dev.stoa.generate.Event;
import dev.stoa.generate.GenerateConfig;
import dev.stoa.generate.GenerateRequest;
import dev.stoa.generate.Generator;
import dev.stoa.serve.BaseModel;
import dev.stoa.serve.pipeline.Backend;
import dev.stoa.template.Message;
import dev.stoa.template.dialect.Dialect;
import dev.stoa.template.dialect.OutputParser;
import dev.stoa.template.dialect.ReasoningMode;
import dev.stoa.template.dialect.ToolTypes;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.concurrent.LinkedBlockingQueue;

/// A model and experts in this process, answering one conversation. Used by one thread; [#stop] may come from another.
final class LocalChat implements AutoCloseable {
    /// One answer: what is visible, what was thought, which tools it calls; `reason` is stop, length or cancelled.
    record Answer(String text, String reasoning, List<AnswerParts.Call> calls, String reason, Event.Usage usage) {}

    private final BaseModel model;
    private AdapterSet experts = AdapterSet.BASE;
    private Compose compose = Compose.SUM;
    private volatile Generator.RequestHandle running;

    LocalChat(BaseModel model) {
        this.model = model;
    }

    BaseModel model() {
        return model;
    }

    /// Mounts these experts instead of what was mounted. `how` null means: logits for several, else sum.
    void mount(List<ExpertArgument> wanted, Compose how) throws IOException {
        List<AdapterSet.Member> members = new ArrayList<>();
        for (ExpertArgument one : wanted) {
            Adapter adapter = model.engine().adapters().load(one.name(), one.directory());
            members.add(new AdapterSet.Member(adapter, one.weight()));
        }
        experts = new AdapterSet(members);
        compose = how != null ? how : members.size() > 1 ? Compose.LOGITS : Compose.SUM;
    }

    /// Answers a conversation; its parts are handed over as they come.
    Answer answer(List<Message> messages, GenerateConfig config, AnswerParts.Listener listener) throws InterruptedException {
        Backend.Prompt prompt = model.prompts().prompt(messages, List.of(), Map.of());
        Dialect dialect = withoutBareJson(model.facts().dialect());
        GenerateConfig marked = new GenerateConfig(
                config.maxTokens(), config.temperature(), config.topK(), config.topP(), config.minP(), config.seed(),
                config.stop(), config.ignoreEos(), config.logprobs(), Backend.markers(dialect, model.engine().tokenizer()));
        AnswerParts parts = new AnswerParts(new OutputParser(dialect, prompt.opened(), ReasoningMode.CAPTURE, ToolTypes.UNKNOWN, new SplittableRandom()), listener);
        LinkedBlockingQueue<Event> events = new LinkedBlockingQueue<>();
        running = model.engine().submit(new GenerateRequest(prompt.ids(), marked, experts, compose, 5), Context.NONE, events::add);
        try {
            while (true) {
                switch (events.take()) {
                    case Event.Started started -> { }
                    case Event.Token token -> parts.push(token.text());
                    case Event.Finished finished -> {
                        parts.push(finished.text());
                        parts.finish();
                        return new Answer(parts.text(), parts.reasoning(), parts.calls(), finished.reason(), finished.usage());
                    }
                    case Event.Failed failed -> throw failed.fault().exception();
                }
            }
        } finally {
            running = null;
        }
    }

    /// No tools are offered here: an answer that is JSON is an answer.
    private static Dialect withoutBareJson(Dialect d) {
        return new Dialect(d.name(), d.reasoning(), d.tools(), d.syntax(), d.controls(), d.turns(), false);
    }

    /// Ends the answer that is being given, if any; true when there was one.
    boolean stop() {
        Generator.RequestHandle now = running;
        if (now == null) return false;
        now.cancel();
        return true;
    }

    @Override
    public void close() {
        model.close();
    }
}
