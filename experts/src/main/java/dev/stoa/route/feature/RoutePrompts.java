// SPDX-License-Identifier: Apache-2.0
package dev.stoa.route.feature;

import dev.stoa.template.ChatTemplate;
import dev.stoa.template.Message;
import dev.stoa.token.Tokenizer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;

/// The real prompts of a conversation, and where in them the current user message lies. Immutable and thread-safe.
///
/// A message longer than a window is looked at through four windows: head, tail, and those at one and two thirds. What
/// came before is dropped, oldest first, when it does not fit the context beside the window.
public final class RoutePrompts {
    private static final int WINDOW = 256;
    private static final int SHORT = 8;
    private final Tokenizer tokenizer;
    private final ChatTemplate template;
    private final Map<String, ?> variables;
    private final int context;

    /// Token ids, and the positions to read features at.
    public record Prompt(int[] ids, int[] positions) {}

    /// `context` is the longest prompt the base takes.
    public RoutePrompts(Tokenizer tokenizer, ChatTemplate template, Map<String, ?> variables, int context) {
        this.tokenizer = tokenizer;
        this.template = template;
        this.variables = Map.copyOf(variables);
        this.context = context;
    }

    /// One prompt per window; empty when the message has no token.
    public List<Prompt> of(RouteText text) {
        int[] message = tokenizer.encode(text.user().strip(), false);
        if (message.length == 0) return List.of();
        int overhead = frame(List.of(), new int[0], false).ids().length;
        int window = Math.min(WINDOW, context - overhead);
        if (window < 1) throw new IllegalArgumentException("a context of " + context + " tokens has no room for a message");
        List<Prompt> prompts = new ArrayList<>();
        for (int[] part : windows(message, window)) prompts.add(fitting(text.before(), part, message.length < SHORT));
        return prompts;
    }

    static List<int[]> windows(int[] message, int window) {
        if (message.length <= window) return List.of(message);
        int last = message.length - window;
        return IntStream.of(0, last / 3, 2 * last / 3, last).distinct()
                .mapToObj(from -> Arrays.copyOfRange(message, from, from + window)).toList();
    }

    private Prompt fitting(List<Message> before, int[] part, boolean withPrevious) {
        List<Message> kept = before;
        while (true) {
            Prompt prompt = frame(kept, part, withPrevious);
            if (prompt.ids().length <= context || kept.isEmpty()) return prompt;
            kept = kept.subList(1, kept.size());
        }
    }

    /// The conversation with the message's tokens put where the template shows the message.
    private Prompt frame(List<Message> before, int[] part, boolean withPrevious) {
        String mark = "\u0001route\u0001";
        List<Message> messages = new ArrayList<>(before);
        messages.add(new Message("user", mark));
        String rendered = template.render(messages, true, variables).text();
        int at = rendered.lastIndexOf(mark);
        if (at < 0) throw new IllegalArgumentException("the chat template does not show the user's message");
        String lead = rendered.substring(0, at);
        int[] head = tokenizer.encode(lead, true);
        int[] tail = tokenizer.encode(rendered.substring(at + mark.length()), true);
        int[] ids = Arrays.copyOf(head, head.length + part.length + tail.length);
        System.arraycopy(part, 0, ids, head.length, part.length);
        System.arraycopy(tail, 0, ids, head.length + part.length, tail.length);
        IntStream own = IntStream.range(head.length, head.length + part.length);
        return new Prompt(ids, IntStream.concat(withPrevious ? previous(before, lead) : IntStream.empty(), own).toArray());
    }

    /// Positions of the user message before this one: a short message ("and in rust?") says little alone.
    private IntStream previous(List<Message> before, String lead) {
        for (int i = before.size() - 1; i >= 0; i--) {
            String content = before.get(i).content().strip();
            if (!before.get(i).role().equals("user") || content.isEmpty()) continue;
            int at = lead.lastIndexOf(content);
            if (at < 0) return IntStream.empty();
            int from = tokenizer.encode(lead.substring(0, at), true).length;
            int to = Math.min(tokenizer.encode(lead.substring(0, at + content.length()), true).length, from + WINDOW);
            return IntStream.range(from, to);
        }
        return IntStream.empty();
    }
}
