// SPDX-License-Identifier: Apache-2.0
package dev.stoa.token;

import dev.stoa.EngineFault;
import dev.stoa.Fault;
import dev.stoa.format.JsonFields;
import java.text.Normalizer.Form;
import java.util.List;
import java.util.Locale;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/// Rewrites text before it is cut: the `normalizer` of tokenizer.json.
sealed interface Normalizer {
    record Unicode(Form form) implements Normalizer {}

    record Lowercase() implements Normalizer {}

    record StripAccents() implements Normalizer {}

    record Strip(boolean left, boolean right) implements Normalizer {}

    record Prepend(String text) implements Normalizer {}

    record Replace(Pattern pattern, String content) implements Normalizer {}

    record Sequence(List<Normalizer> parts) implements Normalizer {}

    Normalizer NONE = new Sequence(List.of());

    static Normalizer parse(JsonFields fields) {
        String type = fields.text("type");
        return switch (type) {
            case "NFC", "NFD", "NFKC", "NFKD" -> new Unicode(Form.valueOf(type));
            case "Lowercase" -> new Lowercase();
            case "StripAccents" -> new StripAccents();
            case "Strip" -> new Strip(fields.flag("strip_left", true), fields.flag("strip_right", true));
            case "Prepend" -> new Prepend(fields.text("prepend"));
            case "Replace" -> new Replace(Splitter.pattern(fields), fields.text("content"));
            case "Sequence" -> new Sequence(fields.objects("normalizers").stream().map(Normalizer::parse).toList());
            default -> throw Fault.of(EngineFault.TOKENIZER_INVALID, "unknown normalizer type").where(fields.where())
                    .got(type).expected("NFC, NFD, NFKC, NFKD, Lowercase, StripAccents, Strip, Prepend, Replace or Sequence")
                    .next("this tokenizer is not supported yet").exception();
        };
    }

    default String apply(String text) {
        return switch (this) {
            case Unicode unicode -> java.text.Normalizer.isNormalized(text, unicode.form)
                    ? text : java.text.Normalizer.normalize(text, unicode.form);
            case Lowercase _ -> lowercase(text);
            case StripAccents _ -> text.codePoints().filter(c -> !Characters.isMark(c))
                    .collect(StringBuilder::new, StringBuilder::appendCodePoint, StringBuilder::append).toString();
            case Strip strip -> strip(text, strip.left, strip.right);
            case Prepend prepend -> text.isEmpty() ? text : prepend.text + text;
            case Replace replace -> replace.pattern.matcher(text).replaceAll(Matcher.quoteReplacement(replace.content));
            case Sequence sequence -> {
                String result = text;
                for (Normalizer part : sequence.parts) result = part.apply(result);
                yield result;
            }
        };
    }

    /// Character by character, as the reference does: a final sigma is not special.
    private static String lowercase(String text) {
        StringBuilder out = new StringBuilder(text.length());
        text.codePoints().forEach(c -> {
            if (c < 0x80) out.append((char) Character.toLowerCase(c));
            else out.append(Character.toString(c).toLowerCase(Locale.ROOT));
        });
        return out.toString();
    }

    private static String strip(String text, boolean left, boolean right) {
        int begin = 0;
        int end = text.length();
        while (left && begin < end && Characters.isWhitespace(text.codePointAt(begin))) {
            begin += Character.charCount(text.codePointAt(begin));
        }
        while (right && end > begin && Characters.isWhitespace(text.codePointBefore(end))) {
            end -= Character.charCount(text.codePointBefore(end));
        }
        return text.substring(begin, end);
    }
}
