// SPDX-License-Identifier: Apache-2.0
package dev.stoa.serve;

import dev.stoa.AppFault;
import dev.stoa.Fault;
import dev.stoa.FaultException;
import dev.stoa.serve.pipeline.Backend;
import dev.stoa.template.ChatTemplate;
import dev.stoa.template.Message;
import dev.stoa.template.dialect.Dialect;
import dev.stoa.token.Tokenizer;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;

/// Messages to prompt ids through the model's chat template. Special tokens written by a user stay ordinary text: they
/// are set aside before rendering and encoded as plain characters afterwards, so nobody can forge the end of a turn.
/// Immutable and thread-safe.
public final class ChatPrompts implements Backend.PromptEncoder {
    /// Printable, so that a template which prints a value as Python does leaves them as they are.
    private static final char OPEN = '\u2983';
    private static final char CLOSE = '\u2984';
    private static final Pattern SET_ASIDE = Pattern.compile(OPEN + "(\\d+)" + CLOSE);

    private final ChatTemplate template;
    private final Tokenizer tokenizer;
    private final Map<String, ?> variables;
    private final Dialect dialect;
    private final Pattern forged;

    /// `template` may be null: then the messages' texts are joined by line ends, as for a model that only completes.
    public ChatPrompts(ChatTemplate template, Tokenizer tokenizer, Map<String, ?> variables, Dialect dialect) {
        this.template = template;
        this.tokenizer = tokenizer;
        this.dialect = dialect;
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
    public Backend.Prompt prompt(List<Message> messages, List<Object> tools, Map<String, Object> arguments) {
        if (template == null) {
            if (!tools.isEmpty()) throw noTools("the model has no chat template");
            return new Backend.Prompt(tokenizer.encode(messages.stream().map(Message::content).collect(Collectors.joining("\n")), false), null);
        }
        Map<String, Object> all = new LinkedHashMap<>(variables);
        all.putAll(arguments);
        List<String> aside = new ArrayList<>();
        List<Message> safe = new ArrayList<>();
        for (Message message : messages) {
            Map<String, Object> more = new LinkedHashMap<>();
            message.more().forEach((name, value) -> more.put(name, safe(value, aside)));
            safe.add(new Message(message.role(), safe(message.content(), aside), more));
        }
        if (!tools.isEmpty()) all.put("tools", safe(tools, aside));
        String text = template.render(safe, true, all).text();
        if (!tools.isEmpty()) {
            all.remove("tools");
            if (text.equals(template.render(safe, true, all).text())) throw noTools("the model's chat template has no place for tools");
        }
        return new Backend.Prompt(ids(text, aside), dialect.opened(text));
    }

    private static FaultException noTools(String why) {
        return Fault.of(AppFault.UNSUPPORTED_PARAMETER, "%s", why).where("tools").next("use a model whose template shows tools").exception();
    }

    /// Ids of a conversation without tools.
    public int[] encode(List<Message> messages) {
        return prompt(messages, List.of(), Map.of()).ids();
    }

    /// A value whose texts hold no special token: each is set aside.
    private Object safe(Object value, List<String> aside) {
        return switch (value) {
            case String text -> safe(text, aside);
            case List<?> list -> {
                List<Object> items = new ArrayList<>();
                for (Object item : list) items.add(safe(item, aside));
                yield items;
            }
            case Map<?, ?> map -> {
                Map<Object, Object> entries = new LinkedHashMap<>();
                map.forEach((name, item) -> entries.put(name instanceof String text ? safe(text, aside) : name, safe(item, aside)));
                yield entries;
            }
            case null, default -> value;
        };
    }

    private String safe(String text, List<String> aside) {
        return forged.matcher(text).replaceAll(found -> {
            aside.add(found.group());
            return OPEN + Integer.toString(aside.size() - 1) + CLOSE;
        });
    }

    private int[] ids(String text, List<String> aside) {
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
