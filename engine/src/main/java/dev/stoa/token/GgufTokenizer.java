// SPDX-License-Identifier: Apache-2.0
package dev.stoa.token;

import dev.stoa.EngineFault;
import dev.stoa.Fault;
import dev.stoa.FaultException;
import dev.stoa.format.GgufMetadata;
import java.text.Normalizer.Form;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.BitSet;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Pattern;

/// The tokenizer in the metadata of a GGUF file, `tokenizer.ggml.*`: byte-level BPE (`gpt2`), SentencePiece BPE from
/// scores (`llama`) or merges (`gemma4`), WordPiece (`bert`) and Unigram (`t5`).
public final class GgufTokenizer {
    private static final String PREFIX = "tokenizer.ggml.";
    private static final int UNKNOWN = 2;
    private static final int CONTROL = 3;
    private static final int USER_DEFINED = 4;
    private static final int UNUSED = 5;
    private static final int BYTE = 6;
    private static final String BLANK = "\u2581";

    private final GgufMetadata metadata;
    private final List<String> tokens;
    private final int[] types;
    private final Map<String, Integer> ids;

    private GgufTokenizer(GgufMetadata metadata) {
        this.metadata = metadata;
        this.tokens = metadata.texts(PREFIX + "tokens");
        if (tokens.isEmpty()) throw fault("tokens", "the vocabulary is empty").exception();
        this.types = metadata.has(PREFIX + "token_type") ? metadata.integers(PREFIX + "token_type") : new int[tokens.size()];
        if (types.length != tokens.size()) {
            throw fault("token_type", "%d types for %d tokens", types.length, tokens.size()).exception();
        }
        this.ids = HashMap.newHashMap(tokens.size());
        for (int id = 0; id < tokens.size(); id++) ids.putIfAbsent(tokens.get(id), id);
    }

    /// Builds the tokenizer; an unknown model or pre-tokenizer is an error, never a guess.
    public static Tokenizer parse(GgufMetadata metadata) {
        return new GgufTokenizer(metadata).build();
    }

    private Tokenizer build() {
        String model = metadata.text(PREFIX + "model");
        return switch (model) {
            case "gpt2" -> {
                GgufPreTokenizer pre = GgufPreTokenizer.of(metadata.text(PREFIX + "pre", "default"));
                if (pre == null) {
                    throw fault("pre", "unknown pre-tokenizer").expected(GgufPreTokenizer.NAMES)
                            .next("use the model's tokenizer.json, or convert again with a known name").exception();
                }
                Normalizer normalizer = metadata.flag(PREFIX + "add_space_prefix", false) ? new Normalizer.Prepend(" ") : Normalizer.NONE;
                yield tokenizer(normalizer, pre.rules(), bpe(pre.ignoreMerges(), false), Detokenizer.byteLevel());
            }
            case "gemma4" -> tokenizer(blanks(false), new PreTokenizer.Cut(Splitter.regex("\\n+", Splitter.Behavior.ISOLATED, false, "newlines")),
                    bpe(false, true), Detokenizer.sentencePiece(0));
            case "llama" -> {
                boolean prefix = metadata.flag(PREFIX + "add_space_prefix", true);
                yield tokenizer(blanks(prefix), PreTokenizer.NONE, scored(), Detokenizer.sentencePiece(prefix ? 1 : 0));
            }
            case "bert" -> wordPiece();
            case "t5" -> unigram();
            default -> throw fault("model", "unknown tokenizer model").expected("gpt2, gemma4, llama, bert or t5")
                    .next("use the model's tokenizer.json").exception();
        };
    }

    private Fault fault(String key, String what, Object... args) {
        return Fault.of(EngineFault.TOKENIZER_INVALID, what, args).where(metadata.file() + ": " + PREFIX + key)
                .got(metadata.has(PREFIX + key) ? clip(String.valueOf(metadata.get(PREFIX + key))) : "nothing");
    }

    private static String clip(String text) {
        return text.length() <= 120 ? text : text.substring(0, 120) + "...";
    }

    private static Normalizer blanks(boolean prefix) {
        Normalizer replace = new Normalizer.Replace(Pattern.compile(" "), BLANK);
        return prefix ? new Normalizer.Sequence(List.of(new Normalizer.Prepend(BLANK), replace)) : replace;
    }

    private BpeModel bpe(boolean ignoreMerges, boolean byteFallback) {
        List<String> merges = metadata.texts(PREFIX + "merges");
        BpeModel.MergeTable table = new BpeModel.MergeTable(merges.size());
        for (int rank = 0; rank < merges.size(); rank++) {
            String merge = merges.get(rank);
            int cut = merge.indexOf(' ', 1);
            Integer left = cut < 0 ? null : ids.get(merge.substring(0, cut));
            Integer right = cut < 0 ? null : ids.get(merge.substring(cut + 1));
            Integer result = cut < 0 ? null : ids.get(merge.substring(0, cut) + merge.substring(cut + 1));
            if (left == null || right == null || result == null) throw badMerge(rank, merge);
            table.put(left, right, rank, result);
        }
        return new BpeModel(ids, table, new BpeModel.Options(unknown(), null, null, byteFallback, byteFallback, ignoreMerges));
    }

    private FaultException badMerge(int rank, String merge) {
        return Fault.of(EngineFault.TOKENIZER_INVALID, "a merge uses or makes a token outside the vocabulary")
                .where(metadata.file() + ": " + PREFIX + "merges[" + rank + "]").got(clip(merge))
                .next("convert the model again with a current converter").exception();
    }

    private String unknown() {
        int id = metadata.integer(PREFIX + "unknown_token_id", -1);
        for (int i = 0; id < 0 && i < types.length; i++) if (types[i] == UNKNOWN) id = i;
        return id >= 0 && id < tokens.size() ? tokens.get(id) : null;
    }

    private double[] scores() {
        double[] scores = metadata.numbers(PREFIX + "scores");
        if (scores.length != tokens.size()) throw fault("scores", "%d scores for %d tokens", scores.length, tokens.size()).exception();
        for (double score : scores) if (!Double.isFinite(score)) throw fault("scores", "a score is not a number").exception();
        return scores;
    }

    /// Two neighbors join when their text is a token, the highest score first, leftmost on ties: the same as ranked
    /// merges, one for every way to cut every token in two.
    private BpeModel scored() {
        double[] scores = scores();
        double[] levels = Arrays.stream(scores).distinct().sorted().toArray();
        List<int[]> pairs = new ArrayList<>();
        for (int id = 0; id < tokens.size(); id++) {
            if (types[id] == CONTROL || types[id] == BYTE || types[id] == UNKNOWN || types[id] == UNUSED) continue;
            String token = tokens.get(id);
            int rank = levels.length - 1 - Arrays.binarySearch(levels, scores[id]);
            for (int cut = 1; cut < Math.min(token.length(), 256); cut++) {
                Integer left = ids.get(token.substring(0, cut));
                Integer right = left == null ? null : ids.get(token.substring(cut));
                if (right != null) pairs.add(new int[] {left, right, rank, id});
            }
        }
        BpeModel.MergeTable table = new BpeModel.MergeTable(pairs.size());
        for (int[] pair : pairs) table.put(pair[0], pair[1], pair[2], pair[3]);
        return new BpeModel(ids, table, new BpeModel.Options(unknown(), null, null, true, true, false));
    }

    /// GGUF writes BERT's vocabulary the SentencePiece way: U+2581 begins a word, what goes on has no mark.
    private Tokenizer wordPiece() {
        Map<String, Integer> pieces = HashMap.newHashMap(tokens.size());
        List<String> written = new ArrayList<>(tokens.size());
        for (int id = 0; id < tokens.size(); id++) {
            String token = tokens.get(id);
            String piece = types[id] == CONTROL || types[id] == UNKNOWN ? token : token.startsWith(BLANK) ? token.substring(1) : "##" + token;
            pieces.putIfAbsent(piece, id);
            written.add(piece);
        }
        int unknown = metadata.integer(PREFIX + "unknown_token_id");
        boolean accents = !"bert-cased".equals(metadata.text(PREFIX + "pre", ""));
        Normalizer normalizer = new Normalizer.Bert(true, true, accents, accents);
        return tokenizer(normalizer, PreTokenizer.BERT, new WordPieceModel(pieces, unknown, "##", 100), Detokenizer.wordPieces(), written);
    }

    private Tokenizer unigram() {
        List<Normalizer> parts = new ArrayList<>();
        if (metadata.has(PREFIX + "precompiled_charsmap")) {
            int[] numbers = metadata.integers(PREFIX + "precompiled_charsmap");
            byte[] bytes = new byte[numbers.length];
            for (int i = 0; i < bytes.length; i++) bytes[i] = (byte) numbers[i];
            if (bytes.length > 0) parts.add(new Normalizer.Precompiled(CharacterMap.of(bytes, metadata.file() + ": precompiled_charsmap")));
        } else {
            parts.add(new Normalizer.Unicode(Form.NFKC));
        }
        if (metadata.flag(PREFIX + "remove_extra_whitespaces", false)) {
            parts.add(new Normalizer.Replace(Pattern.compile(" {2,}"), " "));
            parts.add(new Normalizer.Strip(true, true));
        }
        boolean prefix = metadata.flag(PREFIX + "add_space_prefix", true);
        double[] scores = scores();
        String[] pieces = tokens.toArray(String[]::new);
        boolean bytes = Arrays.stream(types).anyMatch(type -> type == BYTE);
        PreTokenizer pre = new PreTokenizer.Metaspace('\u2581', prefix ? PreTokenizer.Prepend.ALWAYS : PreTokenizer.Prepend.NEVER, true);
        return tokenizer(new Normalizer.Sequence(parts), pre, new UnigramModel(pieces, scores,
                metadata.integer(PREFIX + "unknown_token_id", -1), bytes), Detokenizer.sentencePiece(prefix ? 1 : 0));
    }

    private Tokenizer tokenizer(Normalizer normalizer, PreTokenizer pre, TokenModel model, Detokenizer detokenizer) {
        return tokenizer(normalizer, pre, model, detokenizer, tokens);
    }

    /// `written` are the tokens as the detokenizer reads them.
    private Tokenizer tokenizer(Normalizer normalizer, PreTokenizer pre, TokenModel model, Detokenizer detokenizer, List<String> written) {
        List<AddedTokens.Added> added = new ArrayList<>();
        BitSet special = new BitSet();
        byte[][] bytes = new byte[tokens.size()][];
        for (int id = 0; id < bytes.length; id++) {
            boolean marked = types[id] == CONTROL || types[id] == UNKNOWN;
            boolean listed = (marked || types[id] == USER_DEFINED) && !tokens.get(id).isEmpty();
            if (listed) added.add(new AddedTokens.Added(id, tokens.get(id), false, false, false, false, marked));
            special.set(id, marked);
            bytes[id] = listed ? detokenizer.addedBytes(written.get(id)) : detokenizer.bytes(written.get(id));
        }
        AddedTokens raw = new AddedTokens(added, text -> text);
        return new PipelineTokenizer(raw, normalizer, new AddedTokens(List.of(), text -> text), pre, model, ids, bytes, special,
                detokenizer.leadingSpaces());
    }
}
