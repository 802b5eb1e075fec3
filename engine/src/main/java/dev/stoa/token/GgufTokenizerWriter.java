// SPDX-License-Identifier: Apache-2.0
package dev.stoa.token;

import dev.stoa.EngineFault;
import dev.stoa.Fault;
import dev.stoa.FaultException;
import dev.stoa.format.GgufValue;
import dev.stoa.format.GgufValue.Kind;
import dev.stoa.format.Json;
import dev.stoa.format.JsonFields;
import java.util.ArrayList;
import java.util.Base64;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.JsonNodeFactory;

/// `tokenizer.json` as the `tokenizer.ggml.*` pairs of a GGUF file: byte-level BPE (`gpt2`), SentencePiece-style BPE
/// (`llama`), BERT's WordPiece (`bert`) and Unigram (`t5`). The file keeps the text of `tokenizer.json` as well (`tokenizer.huggingface.json`), so nothing is lost on the
/// way back; [TokenizerAgreement] says whether the pairs alone mean the same.
public final class GgufTokenizerWriter {
    private static final String PREFIX = "tokenizer.ggml.";
    private static final String BLANK = "\u2581";
    private static final int NORMAL = 1;
    private static final int UNKNOWN = 2;
    private static final int CONTROL = 3;
    private static final int USER_DEFINED = 4;
    private static final int UNUSED = 5;
    private static final int BYTE = 6;
    private static final Set<String> UNICODE_FORMS = Set.of("NFC", "NFD", "NFKC", "NFKD");

    /// The pairs, and what about the tokenizer they cannot say.
    public record Written(Map<String, GgufValue> pairs, List<String> notes) {}

    private final JsonFields root;
    private final JsonFields model;
    private final int rows;
    private final Map<String, GgufValue> pairs = new LinkedHashMap<>();
    private final List<String> notes = new ArrayList<>();
    private final String[] tokens;
    private final int[] types;

    private GgufTokenizerWriter(String json, int rows) {
        this.root = new JsonFields(Json.parse(json, "tokenizer.json", EngineFault.TOKENIZER_INVALID), "tokenizer.json:", EngineFault.TOKENIZER_INVALID);
        this.model = root.object("model");
        this.rows = rows;
        this.tokens = new String[rows];
        this.types = new int[rows];
    }

    /// The pairs for a model whose tables have `rows` rows; ids without a token become unused ones. Refused with what there
    /// is no word for.
    public static Written of(String json, int rows) {
        GgufTokenizerWriter writer = new GgufTokenizerWriter(json, rows);
        writer.write();
        writer.pairs.put("tokenizer.huggingface.json", GgufValue.text(json));
        return new Written(writer.pairs, writer.notes);
    }

    private void write() {
        switch (model.text("type", "BPE")) {
            case "BPE" -> bpe();
            case "WordPiece" -> wordPiece();
            case "Unigram" -> unigram();
            default -> throw refused("a " + model.text("type") + " model", "BPE, WordPiece or Unigram");
        }
        pairs.put(PREFIX + "tokens", GgufValue.texts(List.of(tokens)));
        pairs.put(PREFIX + "token_type", GgufValue.i32s(types));
    }

    private void bpe() {
        if (!model.text("continuing_subword_prefix", "").isEmpty() || !model.text("end_of_word_suffix", "").isEmpty()) {
            throw refused("tokens with a prefix or suffix inside words", "plain BPE");
        }
        vocabulary();
        boolean bytes = root.has("pre_tokenizer") && PreTokenizer.parse(root.object("pre_tokenizer")).byteLevel();
        if (bytes) byteLevel();
        else sentencePiece();
    }

    private void vocabulary() {
        String unknown = model.text("unk_token", null);
        if (model.node().path("vocab").isArray()) {
            int id = 0;
            for (JsonNode item : model.list("vocab")) normal(item.path(0).asString(""), JsonNodeFactory.instance.numberNode(id++), null);
            int unknownId = model.integer("unk_id", -1);
            if (unknownId >= 0 && unknownId < rows) {
                types[unknownId] = UNKNOWN;
                unknown = tokens[unknownId];
            }
        } else {
            for (Map.Entry<String, JsonNode> item : model.object("vocab").node().properties()) normal(item.getKey(), item.getValue(), unknown);
        }
        Set<String> lost = new TreeSet<>();
        for (JsonFields item : root.objects("added_tokens")) {
            String content = item.text("content");
            int id = place(content, item.node().get("id"));
            types[id] = item.flag("special", false) ? content.equals(unknown) ? UNKNOWN : CONTROL : USER_DEFINED;
            for (String flag : List.of("lstrip", "rstrip", "single_word")) if (item.flag(flag, false)) lost.add(flag);
        }
        if (!lost.isEmpty()) notes.add("options of added tokens that GGUF has no word for are left out: " + String.join(", ", lost));
        for (int id = 0; id < rows; id++) {
            if (tokens[id] != null) continue;
            tokens[id] = "[PAD" + id + "]";
            types[id] = UNUSED;
        }
    }

    private void normal(String token, JsonNode row, String unknown) {
        int id = place(token, row);
        boolean single = token.matches("<0x[0-9A-F]{2}>") && model.flag("byte_fallback", false);
        types[id] = token.equals(unknown) ? UNKNOWN : single ? BYTE : NORMAL;
    }

    private int place(String token, JsonNode id) {
        if (id == null || !id.isIntegralNumber() || !id.canConvertToInt() || id.intValue() < 0 || id.intValue() >= rows) {
            throw Fault.of(EngineFault.TOKENIZER_INVALID, "token %s has an id that the model has no row for", token).where("tokenizer.json")
                    .got(id).expected("0 to " + (rows - 1)).next("fetch the tokenizer that belongs to the model").exception();
        }
        tokens[id.intValue()] = token;
        return id.intValue();
    }

    private void byteLevel() {
        List<String> patterns = new ArrayList<>();
        boolean prefix = patterns(root.object("pre_tokenizer"), patterns);
        String name = GgufPreTokenizer.written(patterns, model.flag("ignore_merges", false));
        if (name == null) {
            throw refused("a cut into words that no tokenizer.ggml.pre names" + (model.flag("ignore_merges", false) ? " with ignore_merges" : "")
                    + ": " + patterns, "one of " + GgufPreTokenizer.NAMES);
        }
        if (root.has("normalizer")) {
            String form = root.object("normalizer").text("type", "");
            if (!UNICODE_FORMS.contains(form)) throw refused("the normalizer " + form, "none, or a Unicode form");
            notes.add("the Unicode normalization " + form + " is left out: readers of GGUF do not normalize text");
        }
        pairs.put(PREFIX + "model", GgufValue.text("gpt2"));
        pairs.put(PREFIX + "pre", GgufValue.text(name));
        if (prefix) pairs.put(PREFIX + "add_space_prefix", GgufValue.flag(true));
        List<String> merges = new ArrayList<>();
        for (JsonNode item : model.list("merges")) {
            merges.add(item.isString() ? item.stringValue() : item.path(0).asString("") + " " + item.path(1).asString(""));
        }
        pairs.put(PREFIX + "merges", GgufValue.texts(merges));
    }

    /// Adds the patterns by which words are cut; true when a space is put before the text.
    private boolean patterns(JsonFields cut, List<String> patterns) {
        switch (cut.text("type")) {
            case "Sequence" -> {
                boolean prefix = false;
                for (JsonFields part : cut.objects("pretokenizers")) prefix |= patterns(part, patterns);
                return prefix;
            }
            case "ByteLevel" -> {
                if (cut.flag("use_regex", true)) patterns.add(PreTokenizer.GPT2);
                return cut.flag("add_prefix_space", true);
            }
            case "Digits" -> patterns.add(cut.flag("individual_digits", false) ? "\\p{N}" : "\\p{N}+");
            case "Split" -> {
                boolean kept = cut.text("behavior", "").equals("Isolated") && !cut.flag("invert", false)
                        || cut.text("behavior", "").equals("Removed") && cut.flag("invert", false);
                String regex = cut.object("pattern").text("Regex", "");
                if (!kept || regex.isEmpty()) throw refused("a Split that is not a pattern whose matches are words", "Regex, Isolated");
                patterns.add(regex);
            }
            default -> throw refused("the pre-tokenizer " + cut.text("type"), "Split, Digits and ByteLevel");
        }
        return false;
    }

    /// Scores replace the list of merges: readers join the neighbors whose text is the token of the highest score.
    private void sentencePiece() {
        // Newer files cut at spaces that their normalizer has already replaced: a cut that never happens.
        boolean cut = root.has("pre_tokenizer") && !root.object("pre_tokenizer").node().path("pattern").path("String").asString("").equals(" ");
        if (cut || !model.flag("byte_fallback", false) || !root.has("normalizer")) {
            throw refused("BPE that is neither over bytes nor SentencePiece's", "ByteLevel, or byte_fallback with blanks as U+2581");
        }
        boolean prefix = root.object("normalizer").node().toString().contains("\"Prepend\"");
        Map<String, Integer> firstRank = new HashMap<>();
        List<JsonNode> merges = model.list("merges");
        for (int rank = 0; rank < merges.size(); rank++) {
            JsonNode item = merges.get(rank);
            String left = item.isString() ? item.stringValue().substring(0, item.stringValue().indexOf(' ', 1)) : item.path(0).asString("");
            String right = item.isString() ? item.stringValue().substring(left.length() + 1) : item.path(1).asString("");
            firstRank.putIfAbsent(left + right, rank);
        }
        float[] scores = new float[rows];
        for (int id = 0; id < rows; id++) {
            Integer rank = firstRank.get(tokens[id]);
            scores[id] = types[id] == NORMAL ? rank == null ? -1e9f : -rank : 0;
        }
        pairs.put(PREFIX + "model", GgufValue.text("llama"));
        pairs.put(PREFIX + "pre", GgufValue.text("default"));
        pairs.put(PREFIX + "add_space_prefix", GgufValue.flag(prefix));
        pairs.put(PREFIX + "scores", new GgufValue(Kind.F32, true, scores));
        for (int id = 0; id < rows; id++) if (types[id] == UNKNOWN) pairs.put(PREFIX + "unknown_token_id", GgufValue.u32(id));
    }

    /// Tokens that begin a word get a blank before them, those that go on lose their mark.
    private void wordPiece() {
        JsonFields normalizer = root.has("normalizer") ? root.object("normalizer") : null;
        boolean plain = normalizer != null && normalizer.text("type", "").equals("BertNormalizer") && normalizer.flag("clean_text", true)
                && normalizer.flag("handle_chinese_chars", true) && normalizer.flag("lowercase", true) && normalizer.flag("strip_accents", true);
        if (!plain) throw refused("normalizer " + (normalizer == null ? "none" : normalizer.node()), "BertNormalizer in lower case: readers of GGUF know no other");
        if (!root.has("pre_tokenizer") || !root.object("pre_tokenizer").text("type", "").equals("BertPreTokenizer")) {
            throw refused("another cut into words than BERT's", "BertPreTokenizer");
        }
        if (!model.text("continuing_subword_prefix", "##").equals("##") || model.integer("max_input_chars_per_word", 100) != 100) {
            throw refused("pieces of " + model.text("continuing_subword_prefix", "##") + " up to " + model.integer("max_input_chars_per_word", 100)
                    + " characters", "## and 100");
        }
        vocabulary();
        String unknown = model.text("unk_token", "[UNK]");
        for (int id = 0; id < rows; id++) {
            if (tokens[id].equals(unknown) && types[id] != UNUSED) pairs.put(PREFIX + "unknown_token_id", GgufValue.u32(id));
            if (types[id] == NORMAL) tokens[id] = tokens[id].startsWith("##") ? tokens[id].substring(2) : BLANK + tokens[id];
        }
        pairs.put(PREFIX + "model", GgufValue.text("bert"));
        pairs.put(PREFIX + "pre", GgufValue.text("default"));
        JsonFields around = root.has("post_processor") ? root.object("post_processor") : null;
        if (around == null || !around.text("type", "").equals("BertProcessing")) return;
        // llama.cpp puts its bos before a text and the separator after it.
        int begin = marker(around, "cls");
        pairs.put(PREFIX + "bos_token_id", GgufValue.u32(begin));
        pairs.put(PREFIX + "cls_token_id", GgufValue.u32(begin));
        pairs.put(PREFIX + "seperator_token_id", GgufValue.u32(marker(around, "sep"))); // spelled so in the format
    }

    /// The id in ["[CLS]", 101].
    private int marker(JsonFields around, String name) {
        List<JsonNode> pair = around.list(name);
        int id = pair.size() == 2 ? pair.get(1).asInt(-1) : -1;
        if (id < 0 || id >= rows) throw around.fault(name, "no token and its id").got(pair).expected("[\"[CLS]\", 101]").exception();
        return id;
    }

    private void unigram() {
        vocabulary();
        boolean extra = false;
        for (JsonFields step : steps(root.has("normalizer") ? root.object("normalizer") : null, "normalizers")) {
            switch (step.text("type", "")) {
                case "Precompiled" -> {
                    String map = step.text("precompiled_charsmap");
                    CharacterMap.base64(map, step.where()); // refuses what is none
                    pairs.put(PREFIX + "precompiled_charsmap", new GgufValue(Kind.U8, true, Base64.getDecoder().decode(map)));
                }
                case "Replace" -> extra = true;
                case "Strip" -> { }
                default -> throw refused("the normalizer " + step.text("type", ""), "a precompiled map, and extra blanks taken away");
            }
        }
        if (!pairs.containsKey(PREFIX + "precompiled_charsmap")) throw refused("no precompiled map of characters", "one, as SentencePiece writes it");
        boolean prefix = false;
        for (JsonFields cut : steps(root.has("pre_tokenizer") ? root.object("pre_tokenizer") : null, "pretokenizers")) {
            switch (cut.text("type", "")) {
                case "WhitespaceSplit" -> extra = true;
                case "Metaspace" -> prefix = cut.has("prepend_scheme") ? !cut.text("prepend_scheme").equals("never") : cut.flag("add_prefix_space", true);
                default -> throw refused("the pre-tokenizer " + cut.text("type", ""), "Metaspace");
            }
        }
        float[] scores = new float[rows];
        List<JsonNode> items = model.list("vocab");
        for (int id = 0; id < items.size(); id++) scores[id] = (float) items.get(id).path(1).asDouble(0);
        for (int id = 0; id < rows; id++) if (types[id] == UNKNOWN) pairs.put(PREFIX + "unknown_token_id", GgufValue.u32(id));
        pairs.put(PREFIX + "model", GgufValue.text("t5"));
        pairs.put(PREFIX + "pre", GgufValue.text("default"));
        pairs.put(PREFIX + "add_space_prefix", GgufValue.flag(prefix));
        pairs.put(PREFIX + "remove_extra_whitespaces", GgufValue.flag(extra));
        pairs.put(PREFIX + "scores", new GgufValue(Kind.F32, true, scores));
    }

    /// The parts of a Sequence, or the one there is.
    private static List<JsonFields> steps(JsonFields whole, String parts) {
        if (whole == null) return List.of();
        return whole.text("type", "").equals("Sequence") ? whole.objects(parts) : List.of(whole);
    }

    private static FaultException refused(String got, String expected) {
        return Fault.of(EngineFault.NOT_EXPRESSIBLE, "the tokenizer cannot be said in GGUF's terms").where("tokenizer.json").got(got).expected(expected)
                .next("leave it out with --without-tokenizer, and use the model with its tokenizer.json").exception();
    }
}
