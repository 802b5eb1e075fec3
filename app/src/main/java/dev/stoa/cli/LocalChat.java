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
import dev.stoa.template.Message;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.function.Consumer;

/// A model and experts in this process, answering one conversation. Used by one thread; [#stop] may come from another.
final class LocalChat implements AutoCloseable {
    /// One answer; `reason` is stop, length or cancelled.
    record Answer(String text, String reason, Event.Usage usage) {}

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

    /// Answers a conversation; visible text is handed over as it comes.
    Answer answer(List<Message> messages, GenerateConfig config, Consumer<String> onText) throws InterruptedException {
        int[] prompt = model.prompts().encode(messages);
        int room = Math.max(1, model.facts().contextTokens() - prompt.length);
        GenerateConfig capped = new GenerateConfig(
                Math.min(config.maxTokens(), room), config.temperature(), config.topK(), config.topP(), config.minP(), config.seed(),
                config.stop(), config.ignoreEos(), config.logprobs());
        LinkedBlockingQueue<Event> events = new LinkedBlockingQueue<>();
        StringBuilder text = new StringBuilder();
        running = model.engine().submit(new GenerateRequest(prompt, capped, experts, compose, 5), Context.NONE, events::add);
        try {
            while (true) {
                switch (events.take()) {
                    case Event.Started started -> { }
                    case Event.Token token -> show(token.text(), text, onText);
                    case Event.Finished finished -> {
                        show(finished.text(), text, onText);
                        return new Answer(text.toString(), finished.reason(), finished.usage());
                    }
                    case Event.Failed failed -> throw failed.fault().exception();
                }
            }
        } finally {
            running = null;
        }
    }

    private static void show(String piece, StringBuilder text, Consumer<String> onText) {
        if (piece.isEmpty()) return;
        text.append(piece);
        onText.accept(piece);
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
