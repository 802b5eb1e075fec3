// SPDX-License-Identifier: Apache-2.0
package dev.stoa.model.convert;

import dev.stoa.EngineFault;
import dev.stoa.Fault;
import dev.stoa.format.Gguf;
import dev.stoa.format.GgufMetadata;
import dev.stoa.format.GgufValue;
import dev.stoa.format.Json;
import dev.stoa.format.ModelDirectory;
import dev.stoa.token.GgufTokenizer;
import dev.stoa.token.GgufTokenizerWriter;
import dev.stoa.token.Tokenizer;
import dev.stoa.token.TokenizerAgreement;
import dev.stoa.token.TokenizerJson;
import dev.stoa.token.TokenizerJsonWriter;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeSet;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.JsonNodeFactory;
import tools.jackson.databind.node.ObjectNode;

/// Tokenizer, named tokens and chat template between the files of a model directory and the metadata of a GGUF file. What
/// was written is read back and must cut the same texts into the same ids, or the conversion is refused.
final class TextTravel {
    private static final String PREFIX = "tokenizer.ggml.";
    private static final String WHOLE = "tokenizer.huggingface.json";
    /// Names in tokenizer_config.json and GGUF's names for the same.
    private static final String[][] NAMED = {{"bos_token", "bos"}, {"eos_token", "eos"}, {"unk_token", "unknown"}, {"pad_token", "padding"},
        {"sep_token", "seperator"}, {"cls_token", "cls"}, {"mask_token", "mask"}}; // spelled so in the format

    private TextTravel() {}

    /// The pairs for a model of a directory; `plain` is its config. What cannot be said goes to `notes`.
    static Map<String, GgufValue> toGguf(ModelDirectory source, ObjectNode plain, int rows, boolean without, List<String> notes) {
        Map<String, GgufValue> pairs = new LinkedHashMap<>();
        TreeSet<Integer> ends = new TreeSet<>(PlainConfig.ids(plain, "eos_token_id"));
        JsonNode generation = source.generationConfig();
        if (generation != null) ends.addAll(PlainConfig.ids(generation, "eos_token_id"));
        if (source.tokenizerJson() == null || without) {
            notes.add(without ? "the tokenizer is left out, as asked" : "the model has no tokenizer: the file works on token ids only");
            pairs.put(PREFIX + "model", GgufValue.text("none"));
            if (!ends.isEmpty()) pairs.put(PREFIX + "eos_token_id", GgufValue.u32(ends.first()));
            return pairs;
        }
        GgufTokenizerWriter.Written written = GgufTokenizerWriter.of(source.tokenizerJson(), rows);
        pairs.putAll(written.pairs());
        notes.addAll(written.notes());
        Tokenizer tokenizer = TokenizerJson.parse(source.tokenizerJson());
        require(tokenizer, GgufTokenizer.parse(GgufMetadata.of(source.path(), pairs)), source.path().resolve("tokenizer.json"));
        for (String[] name : NAMED) {
            String token = text(source.tokenizerConfig(), name[0]);
            int id = token == null ? -1 : tokenizer.id(token);
            List<Integer> fallback = PlainConfig.ids(plain, name[0] + "_id");
            if (id < 0 && !fallback.isEmpty() && !name[1].equals("eos")) id = fallback.getFirst();
            if (id >= 0) pairs.put(PREFIX + name[1] + "_token_id", GgufValue.u32(id));
        }
        if (!pairs.containsKey(PREFIX + "eos_token_id") && !ends.isEmpty()) pairs.put(PREFIX + "eos_token_id", GgufValue.u32(ends.first()));
        if (pairs.containsKey(PREFIX + "eos_token_id")) ends.remove(Integer.parseUnsignedInt(String.valueOf(pairs.get(PREFIX + "eos_token_id").value())));
        for (String name : List.of("eot", "eom")) if (!ends.isEmpty()) pairs.put(PREFIX + name + "_token_id", GgufValue.u32(ends.pollFirst()));
        if (!ends.isEmpty()) notes.add("GGUF names three ends of an answer; these are left out: " + ends);
        JsonNode begin = source.tokenizerConfig() == null ? null : source.tokenizerConfig().get("add_bos_token");
        pairs.put(PREFIX + "add_bos_token", GgufValue.flag(begin != null && begin.isBoolean() ? begin.booleanValue() : beginsWith(source, pairs)));
        if (source.chatTemplate() != null) pairs.put("tokenizer.chat_template", GgufValue.text(source.chatTemplate()));
        else notes.add("the model has no chat template");
        return pairs;
    }

    /// Whether the post-processor puts the beginning token before a text.
    private static boolean beginsWith(ModelDirectory source, Map<String, GgufValue> pairs) {
        GgufValue begin = pairs.get(PREFIX + "bos_token_id");
        JsonNode processor = Json.parse(source.tokenizerJson(), "tokenizer.json", EngineFault.TOKENIZER_INVALID).path("post_processor");
        for (JsonNode item : processor.path("type").asString("").equals("Sequence") ? processor.path("processors") : JsonNodeFactory.instance.arrayNode().add(processor)) {
            String first = item.path("single").path(0).path("SpecialToken").path("id").asString("");
            if (begin != null && !first.isEmpty() && TokenizerJson.parse(source.tokenizerJson()).id(first) == (int) (long) (Long) begin.value()) return true;
        }
        return false;
    }

    /// The text files of a directory for the model of a GGUF file.
    static Map<String, String> toDirectory(Gguf source, boolean without, List<String> notes) {
        Map<String, String> files = new LinkedHashMap<>();
        GgufMetadata metadata = source.metadata();
        String kind = metadata.text(PREFIX + "model", "none");
        if (without || kind.equals("none") || kind.equals("no_vocab")) {
            notes.add(without ? "the tokenizer is left out, as asked" : "the file has no tokenizer: the directory works on token ids only");
            return files;
        }
        Tokenizer tokenizer = GgufTokenizer.parse(metadata);
        String json = metadata.text(WHOLE, null);
        String different = json == null ? null : TokenizerAgreement.difference(tokenizer, TokenizerJson.parse(json));
        if (different != null) notes.add(WHOLE + " is another tokenizer than the file's own and is left out: " + different);
        if (json == null || different != null) {
            json = TokenizerJsonWriter.of(metadata);
            require(tokenizer, TokenizerJson.parse(json), metadata.file());
        }
        files.put("tokenizer.json", json);
        List<String> tokens = metadata.texts(PREFIX + "tokens");
        ObjectNode config = JsonNodeFactory.instance.objectNode();
        config.put("tokenizer_class", "PreTrainedTokenizerFast");
        ObjectNode generation = JsonNodeFactory.instance.objectNode();
        for (String[] name : NAMED) {
            int id = metadata.integer(PREFIX + name[1] + "_token_id", -1);
            // What llama.cpp calls the beginning of BERT's texts is the token that has a name of its own.
            if (id < 0 || id >= tokens.size() || kind.equals("bert") && name[1].equals("bos")) continue;
            config.put(name[0], tokens.get(id));
            if (name[1].equals("bos") || name[1].equals("padding")) generation.put(name[0] + "_id", id);
        }
        if (metadata.has(PREFIX + "add_bos_token")) config.put("add_bos_token", metadata.flag(PREFIX + "add_bos_token", false));
        config.put("model_max_length", metadata.integer(metadata.text("general.architecture") + ".context_length"));
        ArrayNode ends = JsonNodeFactory.instance.arrayNode();
        for (String name : List.of("eos", "eot", "eom")) {
            if (metadata.has(PREFIX + name + "_token_id")) ends.add(metadata.integer(PREFIX + name + "_token_id"));
        }
        if (!ends.isEmpty()) generation.set("eos_token_id", ends);
        files.put("tokenizer_config.json", Json.pretty(config));
        files.put("generation_config.json", Json.pretty(generation));
        if (source.chatTemplate() != null) files.put("chat_template.jinja", source.chatTemplate());
        else notes.add("the file has no chat template");
        return files;
    }

    private static void require(Tokenizer one, Tokenizer two, Path where) {
        String different = TokenizerAgreement.difference(one, two);
        if (different == null) return;
        throw Fault.of(EngineFault.NOT_EXPRESSIBLE, "the tokenizer would cut some texts otherwise").where(where).got(different)
                .expected("the same tokens and ids").next("leave it out with --without-tokenizer, and use the model with the tokenizer it has").exception();
    }

    /// A token that a config names as text, or as an object with `content`.
    private static String text(JsonNode config, String name) {
        JsonNode node = config == null ? null : config.get(name);
        if (node == null || node.isNull()) return null;
        return node.isString() ? node.stringValue() : node.path("content").asString(null);
    }
}
