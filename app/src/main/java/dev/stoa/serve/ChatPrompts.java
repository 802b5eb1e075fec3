// SPDX-License-Identifier: Apache-2.0
package dev.stoa.serve;

import dev.stoa.serve.pipeline.Backend;
import dev.stoa.template.ChatTemplate;
import dev.stoa.template.Message;
import dev.stoa.token.Tokenizer;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;

/// Messages to prompt ids through the model's chat template. Special tokens written by a user stay ordinary text: they
/// are set aside before rendering and encoded as plain characters afterwards, so nobody can forge the end of a turn.
/// Immutable and thread-safe.
public final class ChatPrompts implements Backend.PromptEncoder {
    private static final char OPEN = '\uE000';
    private static final char CLOSE = '\uE001';
    private static final Pattern SET_ASIDE = Pattern.compile(OPEN + "(\\d+)" + CLOSE);

    private final ChatTemplate template;
    private final Tokenizer tokenizer;
    private final Map<String, ?> variables;
    private final Pattern forged;

    /// `template` may be null: then the messages' texts are joined by line ends, as for a model that only completes.
    public ChatPrompts(ChatTemplate template, Tokenizer tokenizer, Map<String, ?> variables) {
        this.template = template;
        this.tokenizer = tokenizer;
        this.variables = Map.copyOf(variables);
        List<String> specials = new ArrayList<>(List.of(SET_ASIDE.pattern()));
        List<String> texts = new ArrayList<>();
        for (int id = 0; id < tokenizer.size(); id++) {
            if (tokenizer.isSpecial(id)) texts.add(new String(tokenizer.bytes(id), StandardCharsets.UTF_8));
        }
        texts.removeIf(String::isEmpty);
        texts.sort(Comparator.comparingInt(String::length).reversed());
        texts.forEach(text -> specials.add(Pattern.quote(text)));
        forged = Pattern.compile(specials.stream().collect(Collectors.joining("|")));
    }

    public boolean hasTemplate() {
        return template != null;
    }

    @Override
    public int[] encode(List<Message> messages) {
        if (template == null) {
            return tokenizer.encode(messages.stream().map(Message::content).collect(Collectors.joining("\n")), false);
        }
        List<String> aside = new ArrayList<>();
        List<Message> safe = new ArrayList<>();
        for (Message message : messages) {
            String content = forged.matcher(message.content()).replaceAll(found -> {
                aside.add(found.group());
                return OPEN + Integer.toString(aside.size() - 1) + CLOSE;
            });
            safe.add(new Message(message.role(), content));
        }
        String text = template.render(safe, true, variables).text();
        if (aside.isEmpty()) return tokenizer.encode(text, true);
        List<int[]> parts = new ArrayList<>();
        Matcher matcher = SET_ASIDE.matcher(text);
        int from = 0;
        while (matcher.find()) {
            parts.add(tokenizer.encode(text.substring(from, matcher.start()), true));
            parts.add(tokenizer.encode(aside.get(Integer.parseInt(matcher.group(1))), false));
            from = matcher.end();
        }
        parts.add(tokenizer.encode(text.substring(from), true));
        return parts.stream().flatMapToInt(java.util.Arrays::stream).toArray();
    }
}
