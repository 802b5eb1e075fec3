// SPDX-License-Identifier: Apache-2.0
package dev.stoa.token;

import dev.stoa.EngineFault;
import dev.stoa.Fault;
import dev.stoa.format.JsonFields;
import dev.stoa.token.Splitter.Behavior;
import java.util.ArrayList;
import java.util.List;

/// Cuts normalized text into words that merges never cross: the `pre_tokenizer` of tokenizer.json.
sealed interface PreTokenizer {
    /// The pattern of GPT-2, used by ByteLevel unless switched off.
    String GPT2 = "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+";

    /// Cut by one rule.
    record Cut(Splitter splitter) implements PreTokenizer {}

    /// Bytes as characters, optionally after a leading space and the GPT-2 cut (null: no cut).
    record ByteLevel(boolean addPrefixSpace, Splitter cut) implements PreTokenizer {}

    /// Spaces as a visible character; prepended always, to the start of the text only, or never.
    record Metaspace(char replacement, Prepend prepend, boolean split) implements PreTokenizer {}

    record Sequence(List<PreTokenizer> parts) implements PreTokenizer {}

    enum Prepend { ALWAYS, FIRST, NEVER }

    PreTokenizer NONE = new Sequence(List.of());

    PreTokenizer BERT = new Sequence(List.of(new Cut(Splitter.chars(Characters::isWhitespace, Behavior.REMOVED)),
            new Cut(Splitter.chars(Characters::isPunctuation, Behavior.ISOLATED))));

    static PreTokenizer parse(JsonFields fields) {
        String type = fields.text("type");
        return switch (type) {
            case "ByteLevel" -> new ByteLevel(fields.flag("add_prefix_space", true),
                    fields.flag("use_regex", true) ? Splitter.regex(GPT2, Behavior.ISOLATED, false, fields.where()) : null);
            case "Split" -> new Cut(new Splitter(new Splitter.Matches.Regex(Splitter.pattern(fields)),
                    Splitter.behavior(fields, null), fields.flag("invert", false)));
            case "Digits" -> new Cut(Splitter.chars(Characters::isNumeric,
                    fields.flag("individual_digits", false) ? Behavior.ISOLATED : Behavior.CONTIGUOUS));
            case "Punctuation" -> new Cut(Splitter.chars(Characters::isPunctuation, Splitter.behavior(fields, "Isolated")));
            case "Whitespace" -> new Cut(Splitter.regex("\\w+|[^\\w\\s]+", Behavior.REMOVED, true, fields.where()));
            case "WhitespaceSplit" -> new Cut(Splitter.chars(Characters::isWhitespace, Behavior.REMOVED));
            case "Metaspace" -> metaspace(fields);
            case "BertPreTokenizer" -> BERT;
            case "CharDelimiterSplit" -> {
                String delimiter = fields.text("delimiter");
                if (delimiter.codePointCount(0, delimiter.length()) != 1) throw fields.fault("delimiter", "not one character").exception();
                yield new Cut(Splitter.chars(c -> c == delimiter.codePointAt(0), Behavior.REMOVED));
            }
            case "Sequence" -> new Sequence(fields.objects("pretokenizers").stream().map(PreTokenizer::parse).toList());
            default -> throw Fault.of(EngineFault.TOKENIZER_INVALID, "unknown pre_tokenizer type").where(fields.where())
                    .got(type).expected("ByteLevel, Split, Digits, Punctuation, Whitespace, WhitespaceSplit, Metaspace, BertPreTokenizer,"
                            + " CharDelimiterSplit or Sequence")
                    .next("this tokenizer is not supported yet").exception();
        };
    }

    private static PreTokenizer metaspace(JsonFields fields) {
        String replacement = fields.text("replacement", "\u2581");
        if (replacement.length() != 1) {
            throw fields.fault("replacement", "not one character").expected("one character").exception();
        }
        String scheme = fields.text("prepend_scheme", fields.flag("add_prefix_space", true) ? "always" : "never");
        Prepend prepend = switch (scheme) {
            case "always" -> Prepend.ALWAYS;
            case "first" -> Prepend.FIRST;
            case "never" -> Prepend.NEVER;
            default -> throw fields.fault("prepend_scheme", "unknown scheme").expected("always, first or never").exception();
        };
        return new Metaspace(replacement.charAt(0), prepend, fields.flag("split", true));
    }

    /// Whether words come out as characters of the [ByteAlphabet].
    default boolean byteLevel() {
        return switch (this) {
            case ByteLevel _ -> true;
            case Sequence sequence -> sequence.parts.stream().anyMatch(PreTokenizer::byteLevel);
            case Cut _, Metaspace _ -> false;
        };
    }

    /// Words of a text; `first` says that it begins the whole input.
    default List<String> split(String text, boolean first) {
        return switch (this) {
            case Cut cut -> cut.splitter.split(text);
            case ByteLevel level -> {
                boolean prefix = level.addPrefixSpace && !text.startsWith(" ");
                String padded = prefix ? " " + text : text;
                if (level.cut == null) yield List.of(ByteAlphabet.encode(padded));
                yield level.cut.split(padded).stream().map(ByteAlphabet::encode).toList();
            }
            case Metaspace meta -> {
                String replaced = text.replace(' ', meta.replacement);
                boolean wanted = meta.prepend == Prepend.ALWAYS || meta.prepend == Prepend.FIRST && first;
                if (wanted && replaced.charAt(0) != meta.replacement) replaced = meta.replacement + replaced;
                if (!meta.split) yield List.of(replaced);
                yield Splitter.chars(c -> c == meta.replacement, Behavior.MERGED_WITH_NEXT).split(replaced);
            }
            case Sequence sequence -> {
                List<String> words = List.of(text);
                for (PreTokenizer part : sequence.parts) {
                    List<String> next = new ArrayList<>();
                    for (int i = 0; i < words.size(); i++) next.addAll(part.split(words.get(i), first && i == 0));
                    words = next;
                }
                yield words;
            }
        };
    }
}
