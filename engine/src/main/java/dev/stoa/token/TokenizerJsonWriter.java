// SPDX-License-Identifier: Apache-2.0
package dev.stoa.token;

import dev.stoa.EngineFault;
import dev.stoa.Fault;
import dev.stoa.FaultException;
import dev.stoa.format.GgufMetadata;
import dev.stoa.format.Json;
import java.util.ArrayList;
import java.util.Base64;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.JsonNodeFactory;
import tools.jackson.databind.node.ObjectNode;

/// The tokenizer of a GGUF file as the text of a `tokenizer.json`, the inverse of [GgufTokenizerWriter]: byte-level BPE,
/// SentencePiece-style BPE, BERT's WordPiece and Unigram.
public final class TokenizerJsonWriter {
    private static final String PREFIX = "tokenizer.ggml.";
    private static final int NORMAL = 1;
    private static final int UNKNOWN = 2;
    private static final int CONTROL = 3;
    private static final int USER_DEFINED = 4;
    private static final int UNUSED = 5;
    private static final int BYTE = 6;
    private static final String BLANK = "\u2581";
    private static final JsonNodeFactory JSON = JsonNodeFactory.instance;

    private final GgufMetadata metadata;
    private final List<String> tokens;
    private final int[] types;

    private TokenizerJsonWriter(GgufMetadata metadata) {
        this.metadata = metadata;
        this.tokens = metadata.texts(PREFIX + "tokens");
        this.types = metadata.has(PREFIX + "token_type") ? metadata.integers(PREFIX + "token_type") : new int[tokens.size()];
        if (types.length != tokens.size()) {
            throw metadata.fault(PREFIX + "token_type", "%d types for %d tokens", types.length, tokens.size()).exception();
        }
    }

    /// The text of the file; models of another kind are refused.
    public static String of(GgufMetadata metadata) {
        return Json.pretty(new TokenizerJsonWriter(metadata).write());
    }

    private ObjectNode write() {
        String kind = metadata.text(PREFIX + "model");
        ObjectNode root = JSON.objectNode();
        root.put("version", "1.0").putNull("truncation").putNull("padding");
        root.set("added_tokens", added());
        switch (kind) {
            case "gpt2", "llama" -> bpe(root, kind.equals("gpt2"));
            case "bert" -> wordPiece(root);
            case "t5" -> unigram(root);
            default -> throw refused("model", "gpt2, llama, bert or t5");
        }
        return root;
    }

    private void bpe(ObjectNode root, boolean bytes) {
        ObjectNode model = JSON.objectNode();
        model.put("type", "BPE").putNull("dropout");
        String unknown = unknown();
        if (unknown == null) model.putNull("unk_token");
        else model.put("unk_token", unknown);
        model.putNull("continuing_subword_prefix").putNull("end_of_word_suffix");
        model.put("fuse_unk", !bytes).put("byte_fallback", !bytes);
        if (bytes) byteLevel(root, model);
        else sentencePiece(root, model);
        ObjectNode vocabulary = model.putObject("vocab");
        for (int id = 0; id < tokens.size(); id++) {
            boolean own = types[id] == 0 || types[id] == NORMAL || types[id] == BYTE || types[id] == UNKNOWN;
            if (own && !vocabulary.has(tokens.get(id))) vocabulary.put(tokens.get(id), id);
        }
        if (bytes) model.set("merges", merges());
        else model.set("merges", scored());
        root.set("model", model);
    }

    private void wordPiece(ObjectNode root) {
        if ("bert-cased".equals(metadata.text(PREFIX + "pre", ""))) throw refused("pre", "a tokenizer in lower case");
        root.putObject("normalizer").put("type", "BertNormalizer").put("clean_text", true).put("handle_chinese_chars", true).putNull("strip_accents")
                .put("lowercase", true);
        root.putObject("pre_tokenizer").put("type", "BertPreTokenizer");
        int unknown = metadata.integer(PREFIX + "unknown_token_id");
        if (unknown < 0 || unknown >= tokens.size()) throw refused("unknown_token_id", "a token of the vocabulary");
        ObjectNode model = JSON.objectNode();
        model.put("type", "WordPiece").put("unk_token", tokens.get(unknown))
                .put("continuing_subword_prefix", "##").put("max_input_chars_per_word", 100);
        ObjectNode vocabulary = model.putObject("vocab");
        for (int id = 0; id < tokens.size(); id++) {
            if (types[id] == UNUSED) continue;
            boolean whole = types[id] == CONTROL || types[id] == UNKNOWN;
            String token = tokens.get(id);
            String piece = whole ? token : token.startsWith(BLANK) ? token.substring(1) : "##" + token;
            if (!vocabulary.has(piece)) vocabulary.put(piece, id);
        }
        int begin = metadata.integer(PREFIX + "cls_token_id", metadata.integer(PREFIX + "bos_token_id", -1));
        int end = metadata.integer(PREFIX + "seperator_token_id", -1);
        if (begin < 0 || end < 0 || begin >= tokens.size() || end >= tokens.size()) root.putNull("post_processor");
        else {
            ObjectNode around = root.putObject("post_processor").put("type", "BertProcessing");
            around.putArray("sep").add(tokens.get(end)).add(end);
            around.putArray("cls").add(tokens.get(begin)).add(begin);
        }
        root.putObject("decoder").put("type", "WordPiece").put("prefix", "##").put("cleanup", true);
        root.set("model", model);
    }

    private void unigram(ObjectNode root) {
        ArrayNode steps = root.putObject("normalizer").put("type", "Sequence").putArray("normalizers");
        if (metadata.has(PREFIX + "precompiled_charsmap")) {
            int[] numbers = metadata.integers(PREFIX + "precompiled_charsmap");
            byte[] map = new byte[numbers.length];
            for (int i = 0; i < map.length; i++) map[i] = (byte) numbers[i];
            if (map.length > 0) steps.addObject().put("type", "Precompiled").put("precompiled_charsmap", Base64.getEncoder().encodeToString(map));
        } else {
            steps.addObject().put("type", "NFKC");
        }
        if (metadata.flag(PREFIX + "remove_extra_whitespaces", false)) {
            ObjectNode replace = steps.addObject().put("type", "Replace");
            replace.putObject("pattern").put("Regex", " {2,}");
            replace.put("content", " ");
            steps.addObject().put("type", "Strip").put("strip_left", true).put("strip_right", true);
        }
        boolean prefix = metadata.flag(PREFIX + "add_space_prefix", true);
        root.putObject("pre_tokenizer").put("type", "Metaspace").put("replacement", BLANK).put("prepend_scheme", prefix ? "always" : "never").put("split", true);
        root.putNull("post_processor");
        ObjectNode model = JSON.objectNode();
        int unknown = metadata.integer(PREFIX + "unknown_token_id", -1);
        model.put("type", "Unigram");
        if (unknown < 0) model.putNull("unk_id");
        else model.put("unk_id", unknown);
        boolean bytes = false;
        for (int type : types) bytes |= type == BYTE;
        if (bytes) blanksBack(root, prefix);
        else root.putObject("decoder").put("type", "Metaspace").put("replacement", BLANK).put("prepend_scheme", prefix ? "always" : "never").put("split", true);
        ArrayNode vocabulary = model.putArray("vocab");
        double[] scores = metadata.numbers(PREFIX + "scores");
        if (scores.length != tokens.size()) throw metadata.fault(PREFIX + "scores", "%d scores for %d tokens", scores.length, tokens.size()).exception();
        for (int id = 0; id < tokens.size(); id++) vocabulary.addArray().add(tokens.get(id)).add(scores[id]);
        model.put("byte_fallback", bytes);
        root.set("model", model);
    }

    private String unknown() {
        int id = metadata.integer(PREFIX + "unknown_token_id", -1);
        for (int i = 0; id < 0 && i < types.length; i++) if (types[i] == UNKNOWN) id = i;
        return id >= 0 && id < tokens.size() && (types[id] == UNKNOWN || types[id] == NORMAL) ? tokens.get(id) : null;
    }

    private ArrayNode added() {
        ArrayNode added = JSON.arrayNode();
        for (int id = 0; id < tokens.size(); id++) {
            boolean special = types[id] == CONTROL || types[id] == UNKNOWN;
            if (!special && types[id] != USER_DEFINED || tokens.get(id).isEmpty()) continue;
            added.addObject().put("id", id).put("content", tokens.get(id)).put("single_word", false).put("lstrip", false).put("rstrip", false)
                    .put("normalized", false).put("special", special);
        }
        return added;
    }

    private void byteLevel(ObjectNode root, ObjectNode model) {
        String name = metadata.text(PREFIX + "pre", "default");
        List<String> patterns = GgufPreTokenizer.patterns(name);
        if (patterns == null) throw refused("pre", "one of " + GgufPreTokenizer.NAMES);
        model.put("ignore_merges", GgufPreTokenizer.wholeWords(name));
        root.putNull("normalizer");
        ObjectNode cut = root.putObject("pre_tokenizer").put("type", "Sequence");
        ArrayNode parts = cut.putArray("pretokenizers");
        for (String pattern : patterns) {
            ObjectNode split = parts.addObject().put("type", "Split");
            split.putObject("pattern").put("Regex", pattern);
            split.put("behavior", "Isolated").put("invert", false);
        }
        boolean prefix = metadata.flag(PREFIX + "add_space_prefix", false);
        parts.addObject().put("type", "ByteLevel").put("add_prefix_space", false).put("trim_offsets", true).put("use_regex", false);
        if (prefix) root.putObject("normalizer").put("type", "Prepend").put("prepend", " ");
        root.putNull("post_processor");
        root.putObject("decoder").put("type", "ByteLevel").put("add_prefix_space", true).put("trim_offsets", true).put("use_regex", true);
    }

    private void sentencePiece(ObjectNode root, ObjectNode model) {
        boolean prefix = metadata.flag(PREFIX + "add_space_prefix", true);
        model.put("ignore_merges", false);
        ArrayNode steps = root.putObject("normalizer").put("type", "Sequence").putArray("normalizers");
        if (prefix) steps.addObject().put("type", "Prepend").put("prepend", BLANK);
        ObjectNode replace = steps.addObject().put("type", "Replace");
        replace.putObject("pattern").put("String", " ");
        replace.put("content", BLANK);
        root.putNull("pre_tokenizer").putNull("post_processor");
        blanksBack(root, prefix);
    }

    /// Blanks where words begin, bytes as they are, and none before the first word when one was put there.
    private static void blanksBack(ObjectNode root, boolean prefix) {
        ArrayNode back = root.putObject("decoder").put("type", "Sequence").putArray("decoders");
        ObjectNode blanks = back.addObject().put("type", "Replace");
        blanks.putObject("pattern").put("String", BLANK);
        blanks.put("content", " ");
        back.addObject().put("type", "ByteFallback");
        back.addObject().put("type", "Fuse");
        if (prefix) back.addObject().put("type", "Strip").put("content", " ").put("start", 1).put("stop", 0);
    }

    private ArrayNode merges() {
        ArrayNode merges = JSON.arrayNode();
        for (String merge : metadata.texts(PREFIX + "merges")) {
            int cut = merge.indexOf(' ', 1);
            if (cut < 0) throw refused("merges", "\"left right\"");
            merges.addArray().add(merge.substring(0, cut)).add(merge.substring(cut + 1));
        }
        return merges;
    }

    /// Every way to cut a token into two, by falling score of the token.
    private ArrayNode scored() {
        double[] scores = metadata.numbers(PREFIX + "scores");
        if (scores.length != tokens.size()) throw metadata.fault(PREFIX + "scores", "%d scores for %d tokens", scores.length, tokens.size()).exception();
        Map<String, Integer> ids = new HashMap<>();
        for (int id = 0; id < tokens.size(); id++) if (types[id] != UNUSED && types[id] != CONTROL) ids.putIfAbsent(tokens.get(id), id);
        List<Integer> order = new ArrayList<>();
        for (int id = 0; id < tokens.size(); id++) if (types[id] == NORMAL || types[id] == 0 || types[id] == USER_DEFINED) order.add(id);
        order.sort(Comparator.comparingDouble((Integer id) -> -scores[id]));
        ArrayNode merges = JSON.arrayNode();
        for (int id : order) {
            String token = tokens.get(id);
            for (int cut = 1; cut < Math.min(token.length(), 256); cut++) {
                if (!ids.containsKey(token.substring(0, cut)) || !ids.containsKey(token.substring(cut))) continue;
                merges.addArray().add(token.substring(0, cut)).add(token.substring(cut));
            }
        }
        return merges;
    }

    private FaultException refused(String key, String expected) {
        return Fault.of(EngineFault.NOT_EXPRESSIBLE, "the tokenizer cannot be written as tokenizer.json").where(metadata.file() + ": " + PREFIX + key)
                .got(metadata.has(PREFIX + key) ? metadata.get(PREFIX + key) : "nothing").expected(expected)
                .next("leave it out with --without-tokenizer, and use the tokenizer.json that was published with the model").exception();
    }
}
