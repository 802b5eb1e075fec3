// SPDX-License-Identifier: Apache-2.0
package dev.stoa.eval.world;

import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/// The surface syntax of a domain's answers, with slots: `{i} n{a} n{b} {v}`. Immutable.
public final class AnswerPattern {
    private static final Pattern SLOT = Pattern.compile("\\{([iabvpqk])\\}");
    private final String text;
    private final Pattern reader;

    public AnswerPattern(String text) {
        this.text = text;
        StringBuilder regex = new StringBuilder();
        Matcher slot = SLOT.matcher(text);
        int at = 0;
        while (slot.find()) {
            regex.append(Pattern.quote(text.substring(at, slot.start())));
            String name = slot.group(1);
            boolean again = regex.indexOf("(?<" + name + ">") >= 0;
            regex.append(again ? "\\k<" + name + ">" : "(?<" + name + ">" + shape(name) + ")");
            at = slot.end();
        }
        regex.append(Pattern.quote(text.substring(at)));
        reader = Pattern.compile(regex.toString());
    }

    private static String shape(String slot) {
        return switch (slot) {
            case "i" -> "[a-z][0-9]";
            case "v", "k" -> "[a-z]+";
            default -> "[0-9]{1,2}";
        };
    }

    public boolean has(String slot) {
        return text.contains("{" + slot + "}");
    }

    /// The answer with every slot filled.
    public String fill(Map<String, String> slots) {
        return SLOT.matcher(text).replaceAll(slot -> Matcher.quoteReplacement(slots.get(slot.group(1))));
    }

    /// The slots of an answer in exactly this syntax, or empty.
    public Optional<Map<String, String>> read(String answer) {
        Matcher matcher = reader.matcher(answer);
        if (!matcher.matches()) return Optional.empty();
        Map<String, String> slots = new LinkedHashMap<>();
        for (String name : reader.namedGroups().keySet()) slots.put(name, matcher.group(name));
        return Optional.of(slots);
    }

    @Override
    public String toString() {
        return text;
    }
}
