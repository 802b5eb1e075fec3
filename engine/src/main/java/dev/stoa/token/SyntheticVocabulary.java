// SPDX-License-Identifier: Apache-2.0
package dev.stoa.token;

import dev.stoa.format.GgufValue;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/// A byte-level vocabulary of any size for models without meaning: the 256 bytes, one merge, an end token, and names that no
/// text is ever cut into. Other readers of GGUF load it.
public final class SyntheticVocabulary {
    private static final int NORMAL = 1;
    private static final int CONTROL = 3;
    private static final int UNUSED = 5;
    private static final int LEAST = 258;

    private SyntheticVocabulary() {}

    /// The pairs `tokenizer.ggml.*` of `size` tokens; the last one ends an answer.
    public static Map<String, GgufValue> pairs(int size) {
        if (size < LEAST) throw new IllegalArgumentException("a byte-level vocabulary has at least " + LEAST + " tokens, got " + size);
        List<String> tokens = new ArrayList<>(size);
        int[] types = new int[size];
        for (int b = 0; b < 256; b++) tokens.add(String.valueOf(ByteAlphabet.charOf(b)));
        tokens.add("th");
        while (tokens.size() < size - 1) tokens.add("<unused" + tokens.size() + ">");
        tokens.add("<end>");
        for (int id = 0; id < size; id++) types[id] = id <= 256 ? NORMAL : id == size - 1 ? CONTROL : UNUSED;
        Map<String, GgufValue> pairs = new LinkedHashMap<>();
        pairs.put("tokenizer.ggml.model", GgufValue.text("gpt2"));
        pairs.put("tokenizer.ggml.pre", GgufValue.text("qwen2"));
        pairs.put("tokenizer.ggml.tokens", GgufValue.texts(tokens));
        pairs.put("tokenizer.ggml.token_type", GgufValue.i32s(types));
        pairs.put("tokenizer.ggml.merges", GgufValue.texts(List.of("t h")));
        pairs.put("tokenizer.ggml.eos_token_id", GgufValue.u32(size - 1));
        pairs.put("tokenizer.ggml.add_bos_token", GgufValue.flag(false));
        return pairs;
    }
}
