// SPDX-License-Identifier: Apache-2.0
package dev.stoa.template;

import java.time.Clock;
import java.time.LocalDateTime;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/// A chat template: the subset of Jinja that models ship, with the results of jinja2 in transformers' environment.
///
/// Immutable and thread-safe. Templates are untrusted: no reflection, no I/O, and a bound on text and steps. Wrong
/// syntax is a fault with line and column from [#parse]; wrong use of values is one from rendering;
/// `raise_exception` of the template becomes `TEMPLATE_RAISED` with its words.
public final class ChatTemplate {
    private static final int MAX_SOURCE = 1 << 20;
    private final Source source;
    private final List<Node.Statement> body;

    private ChatTemplate(Source source) {
        this.source = source;
        this.body = Parser.parse(source);
    }

    /// Reads a template; unknown tags, filters and tests are faults already here.
    public static ChatTemplate parse(String template) {
        if (template.length() > MAX_SOURCE) {
            throw new Source("").fault(0, "the template has more than %d characters", MAX_SOURCE);
        }
        return new ChatTemplate(Lexer.normalize(template));
    }

    /// Renders a conversation; `variables` are added as they are (`bos_token`, `enable_thinking`, ...).
    public Rendered render(List<Message> messages, boolean addGenerationPrompt, Map<String, ?> variables) {
        Map<String, Object> all = new LinkedHashMap<>(variables);
        List<Object> turns = new ArrayList<>();
        for (Message message : messages) {
            Map<String, Object> turn = new LinkedHashMap<>();
            turn.put("role", message.role());
            turn.put("content", message.content());
            turn.putAll(message.more());
            turns.add(turn);
        }
        all.put("messages", turns);
        all.put("add_generation_prompt", addGenerationPrompt);
        return render(all, Clock.systemDefaultZone());
    }

    /// Renders with exactly these variables; values are String, Long, Integer, BigInteger, Double, Boolean, null, List or Map of
    /// such. The clock is what `strftime_now` shows.
    public Rendered render(Map<String, ?> variables, Clock clock) {
        Map<String, Object> plain = new LinkedHashMap<>();
        variables.forEach((name, value) -> plain.put(name, plain(value, 0)));
        try {
            return new Interpreter(source, LocalDateTime.now(clock)).run(body, plain);
        } catch (ArithmeticException overflow) {
            throw source.fault(0, "a number grows beyond 64 bits");
        }
    }

    private static Object plain(Object value, int depth) {
        if (depth > 100) throw new IllegalArgumentException("template variables are nested too deeply");
        return switch (value) {
            case null -> null;
            case String text -> text;
            case Boolean flag -> flag;
            case Long number -> number;
            case Integer number -> number.longValue();
            case Double number -> number;
            case java.math.BigInteger number -> Values.whole(number);
            case List<?> list -> {
                List<Object> items = new ArrayList<>(list.size());
                for (Object item : list) items.add(plain(item, depth + 1));
                yield items;
            }
            case Map<?, ?> map -> {
                Map<Object, Object> entries = new LinkedHashMap<>();
                map.forEach((key, item) -> entries.put(plain(key, depth + 1), plain(item, depth + 1)));
                yield entries;
            }
            default -> throw new IllegalArgumentException("not a template value: " + value.getClass().getName());
        };
    }
}
