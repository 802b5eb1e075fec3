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
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import tools.jackson.databind.JsonNode;

/// `tokenizer.json` as the `tokenizer.ggml.*` pairs of a GGUF file: byte-level BPE (`gpt2`) and SentencePiece-style BPE
/// (`llama`). The file keeps the text of `tokenizer.json` as well (`tokenizer.huggingface.json`), so nothing is lost on the
/// way back; [TokenizerAgreement] says whether the pairs alone mean the same.
public final class GgufTokenizerWriter {
    private static final String PREFIX = "tokenizer.ggml.";
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
        if (!model.text("type", "BPE").equals("BPE")) throw refused("a " + model.text("type", "BPE") + " model", "a BPE model");
        if (!model.text("continuing_subword_prefix", "").isEmpty() || !model.text("end_of_word_suffix", "").isEmpty()) {
            throw refused("tokens with a prefix or suffix inside words", "plain BPE");
        }
        vocabulary();
        boolean bytes = root.has("pre_tokenizer") && PreTokenizer.parse(root.object("pre_tokenizer")).byteLevel();
        if (bytes) byteLevel();
        else sentencePiece();
        pairs.put(PREFIX + "tokens", GgufValue.texts(List.of(tokens)));
        pairs.put(PREFIX + "token_type", GgufValue.i32s(types));
    }

    private void vocabulary() {
        String unknown = model.text("unk_token", null);
        for (Map.Entry<String, JsonNode> item : model.object("vocab").node().properties()) {
            int id = place(item.getKey(), item.getValue());
            boolean single = item.getKey().matches("<0x[0-9A-F]{2}>") && model.flag("byte_fallback", false);
            types[id] = item.getKey().equals(unknown) ? UNKNOWN : single ? BYTE : NORMAL;
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

    private static FaultException refused(String got, String expected) {
        return Fault.of(EngineFault.NOT_EXPRESSIBLE, "the tokenizer cannot be said in GGUF's terms").where("tokenizer.json").got(got).expected(expected)
                .next("leave it out with --without-tokenizer, and use the model with its tokenizer.json").exception();
    }
}
