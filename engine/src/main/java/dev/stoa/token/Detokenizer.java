// SPDX-License-Identifier: Apache-2.0
package dev.stoa.token;

import dev.stoa.EngineFault;
import dev.stoa.Fault;
import dev.stoa.format.JsonFields;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/// The `decoder` of tokenizer.json, compiled to one rule: each token becomes bytes on its own, the bytes are joined,
/// and at the very start some spaces are dropped. Every published BPE decoder has this form, and it can stream.
///
/// Where the reference prints one U+FFFD for each byte of a malformed run of `<0xXX>` tokens, one is printed here for
/// each malformed sequence, as everywhere else.
final class Detokenizer {
    private sealed interface Step {
        record ByteLevel() implements Step {}

        record ByteFallback() implements Step {}

        record Replace(Pattern pattern, String content) implements Step {}

        record SpaceBefore() implements Step {}

        record WordPiece(String prefix, boolean cleanup) implements Step {}
    }

    /// Blanks that English does not write, in the order of the reference.
    private static final String[][] CLEANUP = {{" .", "."}, {" ?", "?"}, {" !", "!"}, {" ,", ","}, {" ' ", "'"}, {" n't", "n't"},
        {" 'm", "'m"}, {" do not", " don't"}, {" 's", "'s"}, {" 've", "'ve"}, {" 're", "'re"}};

    private final List<Step> steps = new ArrayList<>();
    private boolean fused;
    private int leadingSpaces;

    /// Without a decoder the reference joins tokens with spaces.
    static Detokenizer joining() {
        Detokenizer plain = new Detokenizer();
        plain.steps.add(new Step.SpaceBefore());
        plain.leadingSpaces = 1;
        return plain;
    }

    /// Byte-level tokens, as in GPT-2.
    static Detokenizer byteLevel() {
        Detokenizer plain = new Detokenizer();
        plain.steps.add(new Step.ByteLevel());
        return plain;
    }

    /// SentencePiece tokens: U+2581 is a space, `<0xXX>` a byte.
    static Detokenizer sentencePiece(int leadingSpaces) {
        Detokenizer plain = new Detokenizer();
        plain.steps.add(new Step.Replace(Pattern.compile("\u2581"), " "));
        plain.steps.add(new Step.ByteFallback());
        plain.leadingSpaces = leadingSpaces;
        return plain;
    }

    /// Words with a space between them; a token with the prefix goes on with the word.
    Detokenizer wordPiece(String prefix, boolean cleanup) {
        steps.add(new Step.WordPiece(prefix, cleanup));
        leadingSpaces = 1;
        return this;
    }

    static Detokenizer wordPieces() {
        return new Detokenizer().wordPiece("##", true);
    }

    static Detokenizer parse(JsonFields fields) {
        Detokenizer detokenizer = new Detokenizer();
        detokenizer.add(fields);
        return detokenizer;
    }

    private void add(JsonFields fields) {
        switch (fields.text("type")) {
            case "ByteLevel" -> steps.add(new Step.ByteLevel());
            case "ByteFallback" -> steps.add(new Step.ByteFallback());
            case "Fuse" -> fused = true;
            case "Replace" -> {
                if (fused) throw unsupported(fields, "Replace after Fuse");
                steps.add(new Step.Replace(Splitter.pattern(fields), fields.text("content")));
            }
            case "Metaspace" -> {
                String replacement = fields.text("replacement", "\u2581");
                steps.add(new Step.Replace(Pattern.compile(Pattern.quote(replacement)), " "));
                String scheme = fields.text("prepend_scheme", fields.flag("add_prefix_space", true) ? "always" : "never");
                leadingSpaces = scheme.equals("never") ? 0 : 1;
            }
            case "Strip" -> {
                boolean head = fused && fields.text("content").equals(" ") && fields.integer("stop") == 0;
                if (!head) throw unsupported(fields, "a Strip other than leading spaces after Fuse");
                leadingSpaces = fields.integer("start");
            }
            case "WordPiece" -> wordPiece(fields.text("prefix", "##"), fields.flag("cleanup", true));
            case "Sequence" -> fields.objects("decoders").forEach(this::add);
            default -> throw unsupported(fields, "unknown decoder type " + fields.text("type"));
        }
    }

    private static RuntimeException unsupported(JsonFields fields, String what) {
        return Fault.of(EngineFault.TOKENIZER_INVALID, "%s", what).where(fields.where())
                .got(fields.node()).expected("ByteLevel, ByteFallback, Fuse, Replace, Metaspace, Strip or Sequence")
                .next("this tokenizer is not supported yet").exception();
    }

    /// Spaces that decoding drops from the start of a text.
    int leadingSpaces() {
        return leadingSpaces;
    }

    /// Bytes of a token of the vocabulary.
    byte[] bytes(String token) {
        return bytes(token, false);
    }

    /// Bytes of an added token: like others, but its characters never stand for bytes. (The reference maps them, so
    /// that an added "é" comes out as U+FFFD.)
    byte[] addedBytes(String content) {
        return bytes(content, true);
    }

    private byte[] bytes(String token, boolean added) {
        String text = token;
        for (Step step : steps) {
            switch (step) {
                case Step.ByteLevel _ -> {
                    byte[] bytes = added ? null : ByteAlphabet.decode(text);
                    return bytes != null ? bytes : text.getBytes(StandardCharsets.UTF_8);
                }
                case Step.ByteFallback _ -> {
                    if (text.matches("<0x[0-9A-Fa-f]{2}>")) {
                        return new byte[] {(byte) Integer.parseInt(text.substring(3, 5), 16)};
                    }
                }
                case Step.Replace replace ->
                    text = replace.pattern.matcher(text).replaceAll(Matcher.quoteReplacement(replace.content));
                case Step.WordPiece pieces -> {
                    text = text.startsWith(pieces.prefix) ? text.substring(pieces.prefix.length()) : " " + text;
                    if (pieces.cleanup) for (String[] rule : CLEANUP) text = text.replace(rule[0], rule[1]);
                }
                case Step.SpaceBefore _ -> text = " " + text;
            }
        }
        return text.getBytes(StandardCharsets.UTF_8);
    }
}
