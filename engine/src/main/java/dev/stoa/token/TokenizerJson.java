// SPDX-License-Identifier: Apache-2.0
package dev.stoa.token;

import dev.stoa.EngineFault;
import dev.stoa.Fault;
import dev.stoa.FaultException;
import dev.stoa.format.Json;
import dev.stoa.format.JsonFields;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import tools.jackson.databind.JsonNode;

/// Reads `tokenizer.json` of Hugging Face tokenizers; a component of another type is an error that
/// names it.
///
/// `truncation`, `padding` and `post_processor` are read past on purpose: they add or cut ids, and here nothing is
/// added or cut automatically (chat templates write their own markers). An unknown post-processor is still an error.
public final class TokenizerJson {
    private static final String WHERE = "tokenizer.json:";
    private static final int MAX_ID = 1 << 22;
    private static final Set<String> POST_PROCESSORS =
            Set.of("TemplateProcessing", "ByteLevel", "RobertaProcessing", "BertProcessing", "Sequence");

    private TokenizerJson() {}

    /// The tokenizer of a file's text.
    public static Tokenizer parse(String json) {
        JsonFields root = new JsonFields(Json.parse(json, "tokenizer.json", EngineFault.TOKENIZER_INVALID), WHERE,
                EngineFault.TOKENIZER_INVALID);
        Normalizer normalizer = root.has("normalizer") ? Normalizer.parse(root.object("normalizer")) : Normalizer.NONE;
        PreTokenizer pre = root.has("pre_tokenizer") ? PreTokenizer.parse(root.object("pre_tokenizer")) : PreTokenizer.NONE;
        if (root.has("post_processor")) requireKnown(root.object("post_processor"));
        Detokenizer detokenizer = root.has("decoder") ? Detokenizer.parse(root.object("decoder")) : Detokenizer.joining();

        JsonFields modelFields = root.object("model");
        Map<String, Integer> vocabulary = vocabulary(modelFields);
        TokenModel model = model(modelFields, vocabulary);
        List<AddedTokens.Added> added = added(root);

        Map<String, Integer> ids = new HashMap<>(vocabulary);
        byte[][] bytes = new byte[size(vocabulary, added)][];
        vocabulary.forEach((token, id) -> {
            if (bytes[id] != null) throw twice(id, token);
            bytes[id] = detokenizer.bytes(token);
        });
        BitSet special = new BitSet();
        for (AddedTokens.Added token : added) {
            Integer known = ids.put(token.content(), token.id());
            if (known != null ? known != token.id() : bytes[token.id()] != null) throw twice(token.id(), token.content());
            String written = token.normalized() ? normalizer.apply(token.content()) : token.content();
            bytes[token.id()] = detokenizer.addedBytes(written);
            special.set(token.id(), token.special());
        }
        AddedTokens raw = new AddedTokens(added.stream().filter(token -> !token.normalized()).toList(), text -> text);
        AddedTokens normalized = new AddedTokens(added.stream().filter(AddedTokens.Added::normalized).toList(), normalizer::apply);
        return new PipelineTokenizer(raw, normalizer, normalized, pre, model, ids, bytes, special, detokenizer.leadingSpaces());
    }

    private static TokenModel model(JsonFields fields, Map<String, Integer> vocabulary) {
        String type = type(fields);
        return switch (type) {
            case "BPE" -> bpe(fields, vocabulary);
            case "WordPiece" -> new WordPieceModel(vocabulary, unknownId(fields, vocabulary, fields.text("unk_token", "[UNK]")),
                    fields.text("continuing_subword_prefix", "##"), fields.integer("max_input_chars_per_word", 100));
            case "WordLevel" -> new WordPieceModel(vocabulary, unknownId(fields, vocabulary, fields.text("unk_token", "<unk>")), null, Integer.MAX_VALUE);
            case "Unigram" -> unigram(fields);
            default -> throw fields.fault("type", "unknown model type").expected("BPE, WordPiece, WordLevel or Unigram")
                    .next("this tokenizer is not supported yet").exception();
        };
    }

    /// Old files leave the type out.
    private static String type(JsonFields fields) {
        boolean list = fields.has("vocab") && fields.node().get("vocab").isArray();
        return fields.text("type", list ? "Unigram" : fields.has("merges") ? "BPE" : fields.has("continuing_subword_prefix") ? "WordPiece" : "WordLevel");
    }

    private static int unknownId(JsonFields fields, Map<String, Integer> vocabulary, String unknown) {
        if (!vocabulary.containsKey(unknown)) throw fields.fault("unk_token", "the unknown token is not in the vocabulary").exception();
        return vocabulary.get(unknown);
    }

    private static UnigramModel unigram(JsonFields fields) {
        List<JsonNode> items = fields.list("vocab");
        String[] pieces = new String[items.size()];
        double[] scores = new double[items.size()];
        for (int id = 0; id < pieces.length; id++) {
            JsonNode item = items.get(id);
            boolean pair = item.isArray() && item.size() == 2 && item.get(0).isString() && item.get(1).isNumber();
            if (!pair) throw badId(String.valueOf(id), item);
            pieces[id] = item.get(0).stringValue();
            scores[id] = item.get(1).doubleValue();
        }
        int unknown = fields.integer("unk_id", -1);
        if (unknown >= pieces.length) throw fields.fault("unk_id", "the unknown token is not in the vocabulary").exception();
        return new UnigramModel(pieces, scores, unknown, fields.flag("byte_fallback", false));
    }

    private static BpeModel bpe(JsonFields fields, Map<String, Integer> vocabulary) {
        if (fields.number("dropout", 0) != 0) {
            throw fields.fault("dropout", "random merges are for training only").expected("null").next("remove dropout").exception();
        }
        String unknown = fields.text("unk_token", null);
        if (unknown != null && !vocabulary.containsKey(unknown)) {
            throw fields.fault("unk_token", "the unknown token is not in the vocabulary").exception();
        }
        String prefix = fields.text("continuing_subword_prefix", "");
        String suffix = fields.text("end_of_word_suffix", "");
        BpeModel.Options options = new BpeModel.Options(unknown, prefix.isEmpty() ? null : prefix, suffix.isEmpty() ? null : suffix,
                fields.flag("fuse_unk", false), fields.flag("byte_fallback", false), fields.flag("ignore_merges", false));
        return new BpeModel(vocabulary, merges(fields, vocabulary, prefix.length()), options);
    }

    private static Map<String, Integer> vocabulary(JsonFields model) {
        if (type(model).equals("Unigram")) {
            Map<String, Integer> ids = new HashMap<>();
            for (JsonNode item : model.list("vocab")) ids.putIfAbsent(item.isArray() && item.size() == 2 ? item.get(0).asString("") : "", ids.size());
            return ids;
        }
        JsonFields vocab = model.object("vocab");
        Map<String, Integer> ids = HashMap.newHashMap(vocab.node().size());
        for (Map.Entry<String, JsonNode> item : vocab.node().properties()) {
            JsonNode id = item.getValue();
            if (!id.isIntegralNumber() || !id.canConvertToInt()) throw badId(item.getKey(), id);
            ids.put(item.getKey(), requireId(item.getKey(), id.intValue()));
        }
        return ids;
    }

    private static BpeModel.MergeTable merges(JsonFields model, Map<String, Integer> vocabulary, int prefixLength) {
        List<JsonNode> items = model.list("merges");
        BpeModel.MergeTable table = new BpeModel.MergeTable(items.size());
        for (int rank = 0; rank < items.size(); rank++) {
            String[] pair = pair(items.get(rank), rank);
            Integer left = vocabulary.get(pair[0]);
            Integer right = vocabulary.get(pair[1]);
            boolean prefixed = pair[1].length() >= prefixLength;
            Integer result = prefixed ? vocabulary.get(pair[0] + pair[1].substring(prefixLength)) : null;
            if (left == null || right == null || result == null) {
                throw Fault.of(EngineFault.TOKENIZER_INVALID, "a merge uses or makes a token outside the vocabulary")
                        .where(WHERE + " model.merges[" + rank + "]").got(pair[0] + " + " + pair[1])
                        .expected("both tokens and their merge in model.vocab").next("fetch the file again").exception();
            }
            table.put(left, right, rank, result);
        }
        return table;
    }

    /// "a b", or ["a", "b"] since tokenizers 0.20.
    private static String[] pair(JsonNode item, int rank) {
        if (item.isString()) {
            String[] parts = item.stringValue().split(" ", -1);
            if (parts.length == 2) return parts;
        } else if (item.isArray() && item.size() == 2 && item.get(0).isString() && item.get(1).isString()) {
            return new String[] {item.get(0).stringValue(), item.get(1).stringValue()};
        }
        throw Fault.of(EngineFault.TOKENIZER_INVALID, "a merge cannot be read").where(WHERE + " model.merges[" + rank + "]")
                .got(item).expected("\"left right\" or [\"left\", \"right\"]").next("fetch the file again").exception();
    }

    private static List<AddedTokens.Added> added(JsonFields root) {
        List<AddedTokens.Added> tokens = new ArrayList<>();
        for (JsonFields item : root.objects("added_tokens")) {
            String content = item.text("content");
            if (content.isEmpty()) throw item.fault("content", "an added token is empty").expected("text").exception();
            tokens.add(new AddedTokens.Added(requireId(content, item.integer("id")), content, item.flag("single_word", false),
                    item.flag("lstrip", false), item.flag("rstrip", false), item.flag("normalized", true),
                    item.flag("special", false)));
        }
        return tokens;
    }

    private static void requireKnown(JsonFields processor) {
        String type = processor.text("type");
        if (!POST_PROCESSORS.contains(type)) {
            throw processor.fault("type", "unknown post_processor type").expected(POST_PROCESSORS).exception();
        }
        if (type.equals("Sequence")) processor.objects("processors").forEach(TokenizerJson::requireKnown);
    }

    private static int size(Map<String, Integer> vocabulary, List<AddedTokens.Added> added) {
        int largest = -1;
        for (int id : vocabulary.values()) largest = Math.max(largest, id);
        for (AddedTokens.Added token : added) largest = Math.max(largest, token.id());
        if (largest < 0) throw Fault.of(EngineFault.TOKENIZER_INVALID, "the vocabulary is empty").where(WHERE).exception();
        return largest + 1;
    }

    private static int requireId(String token, int id) {
        if (id < 0 || id >= MAX_ID) throw badId(token, id);
        return id;
    }

    private static FaultException badId(String token, Object got) {
        return Fault.of(EngineFault.TOKENIZER_INVALID, "token %s has an impossible id", token).where(WHERE).got(got)
                .expected("0 to " + (MAX_ID - 1)).next("fetch the file again").exception();
    }

    private static FaultException twice(int id, String token) {
        return Fault.of(EngineFault.TOKENIZER_INVALID, "two tokens share an id, or one has two").where(WHERE)
                .got(token + " = " + id).expected("one id for each token").next("fetch the file again").exception();
    }
}
