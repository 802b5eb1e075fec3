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

    /// What BERT does: control characters away, blanks plain, Chinese characters apart, accents off, lower case.
    record Bert(boolean clean, boolean chinese, boolean accents, boolean lowercase) implements Normalizer {}

    /// SentencePiece's table of replacements.
    record Precompiled(CharacterMap map) implements Normalizer {}

    /// The rules of SentencePiece's `nmt`: control characters away, odd blanks plain.
    record Nmt() implements Normalizer {}

    record ByteLevel() implements Normalizer {}

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
            case "BertNormalizer" -> {
                boolean lowercase = fields.flag("lowercase", true);
                yield new Bert(fields.flag("clean_text", true), fields.flag("handle_chinese_chars", true),
                        fields.flag("strip_accents", lowercase), lowercase);
            }
            case "Precompiled" -> new Precompiled(CharacterMap.base64(fields.text("precompiled_charsmap"), fields.where()));
            case "Nmt" -> new Nmt();
            case "ByteLevel" -> new ByteLevel();
            case "Sequence" -> new Sequence(fields.objects("normalizers").stream().map(Normalizer::parse).toList());
            default -> throw Fault.of(EngineFault.TOKENIZER_INVALID, "unknown normalizer type").where(fields.where())
                    .got(type).expected("NFC, NFD, NFKC, NFKD, Lowercase, StripAccents, Strip, Prepend, Replace, BertNormalizer, Precompiled, Nmt, ByteLevel or Sequence")
                    .next("this tokenizer is not supported yet").exception();
        };
    }

    default String apply(String text) {
        return switch (this) {
            case Unicode unicode -> unicode(text, unicode.form);
            case Lowercase _ -> lowercase(text);
            case StripAccents _ -> kept(text, c -> Characters.isMark(c) == CharacterAges.markDiffers(c));
            case Strip strip -> strip(text, strip.left, strip.right);
            case Prepend prepend -> text.isEmpty() ? text : prepend.text + text;
            case Replace replace -> replace.pattern.matcher(text).replaceAll(Matcher.quoteReplacement(replace.content));
            case Bert bert -> bert(text, bert);
            case Precompiled precompiled -> precompiled.map.apply(text);
            case Nmt _ -> nmt(text);
            case ByteLevel _ -> ByteAlphabet.encode(text);
            case Sequence sequence -> {
                String result = text;
                for (Normalizer part : sequence.parts) result = part.apply(result);
                yield result;
            }
        };
    }

    /// Characters that decompose or combine only since a Unicode version the reference does not know stay whole and where
    /// they are.
    private static String unicode(String text, Form form) {
        if (java.text.Normalizer.isNormalized(text, form)) return text;
        boolean compatibility = form == Form.NFKC || form == Form.NFKD;
        StringBuilder out = null;
        int done = 0;
        for (int i = 0; i < text.length(); ) {
            int c = text.codePointAt(i);
            int end = i + Character.charCount(c);
            if (form != Form.NFC && CharacterAges.decompositionDiffers(c, compatibility) || CharacterAges.combiningDiffers(c)) {
                if (out == null) out = new StringBuilder(text.length());
                out.append(java.text.Normalizer.normalize(text.substring(done, i), form)).appendCodePoint(c);
                done = end;
            }
            i = end;
        }
        String rest = java.text.Normalizer.normalize(text.substring(done), form);
        return out == null ? rest : out.append(rest).toString();
    }

    private static String kept(String text, java.util.function.IntPredicate keep) {
        return text.codePoints().filter(keep).collect(StringBuilder::new, StringBuilder::appendCodePoint, StringBuilder::append).toString();
    }

    private static String bert(String given, Bert rules) {
        StringBuilder text = new StringBuilder(given.length() + 8);
        given.codePoints().forEach(c -> {
            boolean line = c == '\t' || c == '\n' || c == '\r';
            boolean blank = line || Characters.isWhitespace(c);
            if (rules.clean && (c == 0 || c == 0xFFFD || !line && Characters.isOther(c))) return;
            if (rules.clean && blank) text.append(' ');
            else if (rules.chinese && Characters.isChinese(c)) text.append(' ').appendCodePoint(c).append(' ');
            else text.appendCodePoint(c);
        });
        String result = text.toString();
        if (rules.accents) {
            result = kept(unicode(result, Form.NFD), 
                    c -> Character.getType(c) == Character.NON_SPACING_MARK == CharacterAges.accentDiffers(c));
        }
        return rules.lowercase ? lowercase(result) : result;
    }

    private static String nmt(String text) {
        StringBuilder out = new StringBuilder(text.length());
        text.codePoints().forEach(c -> {
            boolean gone = c >= 1 && c <= 8 || c == 0xB || c >= 0xE && c <= 0x1F || c == 0x7F || c == 0x8F || c == 0x9F;
            boolean blank = c == 9 || c == 10 || c == 12 || c == 13 || c == 0x1680 || c >= 0x200B && c <= 0x200F || c == 0x2028
                    || c == 0x2029 || c == 0x2581 || c == 0xFEFF || c == 0xFFFD;
            if (blank) out.append(' ');
            else if (!gone) out.appendCodePoint(c);
        });
        return out.toString();
    }

    /// Character by character, as the reference does: a final sigma is not special.
    private static String lowercase(String text) {
        StringBuilder out = new StringBuilder(text.length());
        text.codePoints().forEach(c -> {
            if (c < 0x80) out.append((char) Character.toLowerCase(c));
            else if (CharacterAges.youngLowercase(c) != c) out.appendCodePoint(CharacterAges.youngLowercase(c));
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
