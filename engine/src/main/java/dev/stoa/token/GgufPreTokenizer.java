// SPDX-License-Identifier: Apache-2.0
package dev.stoa.token;

import dev.stoa.token.Splitter.Behavior;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;

/// The cuts that `tokenizer.ggml.pre` names. GGUF stores the name alone; the patterns are those of the published
/// tokenizer.json files of the models. Applied one after the other, each match and each gap a word of its own.
record GgufPreTokenizer(PreTokenizer rules, boolean ignoreMerges) {
    private static final String CONTRACTIONS = "(?i:'s|'t|'re|'ve|'m|'ll|'d)";
    private static final String LINES = "\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";
    private static final String SYMBOLS = "| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|";
    private static final String UPPER = "[^\\r\\n\\p{L}\\p{N}]?[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]";
    private static final String LOWER = "[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]";
    private static final String LLAMA3 = CONTRACTIONS + "|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}" + SYMBOLS + LINES;
    private static final String QWEN2 = CONTRACTIONS + "|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}" + SYMBOLS + LINES;
    private static final String QWEN35 = CONTRACTIONS + "|[^\\r\\n\\p{L}\\p{N}]?[\\p{L}\\p{M}]+|\\p{N}| ?[^\\s\\p{L}\\p{M}\\p{N}]+[\\r\\n]*|" + LINES;
    private static final String TEKKEN = UPPER + "*" + LOWER + "+|" + UPPER + "+" + LOWER + "*|\\p{N}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n/]*|" + LINES;
    private static final String GPT4O = UPPER + "*" + LOWER + "+" + CONTRACTIONS + "?|" + UPPER + "+" + LOWER + "*" + CONTRACTIONS
            + "?|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n/]*|" + LINES;
    private static final String DEEPSEEK3 = "[!\"#$%&'()*+,\\-./:;<=>?@\\[\\\\\\]^_`{|}~][A-Za-z]+|[^\\r\\n\\p{L}\\p{P}\\p{S}]?[\\p{L}\\p{M}]+|"
            + " ?[\\p{P}\\p{S}]+[\\r\\n]*|" + LINES;
    private static final String CJK = "[\u4e00-\u9fa5\u3040-\u309f\u30a0-\u30ff]+";
    private static final String DEEPSEEK_CJK = "[\u4e00-\u9fa5\u0800-\u4e00\uac00-\ud7ff]+";

    private static final Map<String, List<String>> PATTERNS = Map.ofEntries(
            Map.entry("llama3", List.of(LLAMA3)), Map.entry("qwen2", List.of(QWEN2)), Map.entry("qwen35", List.of(QWEN35)),
            Map.entry("gpt-2", List.of(PreTokenizer.GPT2)), Map.entry("digits", List.of("\\p{N}", PreTokenizer.GPT2)),
            Map.entry("tekken", List.of(TEKKEN)), Map.entry("gpt-4o", List.of(GPT4O)),
            Map.entry("falcon", List.of("[\\p{P}\\$\\+<=>\\^~\\|`]+", PreTokenizer.GPT2, "[0-9][0-9][0-9]")),
            Map.entry("default", List.of("[\\p{P}\\$\\+<=>\\^~\\|]+", PreTokenizer.GPT2, "\\p{N}+", "[0-9][0-9][0-9]")),
            Map.entry("deepseek-v3", List.of("\\p{N}{1,3}", CJK, DEEPSEEK3)),
            Map.entry("deepseek-coder", List.of("[\\r\\n]", "\\s?\\p{L}+", "\\s?\\p{P}+", DEEPSEEK_CJK, "\\p{N}")),
            Map.entry("deepseek-llm", List.of("[\\r\\n]", "\\s?" + LettersWithCase.PATTERN + "+",
                    "\\s?[!-/:-~\uff01-\uff0f\uff1a-\uff5e\u2018-\u201f\u3000-\u3002]+", "\\s+$", DEEPSEEK_CJK, "\\p{N}+")),
            Map.entry("bloom", List.of(" ?[^(\\s|.,!?\u2026\u3002\uff0c\u3001\u0964\u06d4\u060c)]+")));

    /// Names that mean the same cut.
    private static final Map<String, String> SAME = Map.ofEntries(
            Map.entry("llama-bpe", "llama3"), Map.entry("llama-v3", "llama3"), Map.entry("llama3", "llama3"), Map.entry("falcon3", "llama3"),
            Map.entry("falcon-h1", "llama3"), Map.entry("pixtral", "llama3"), Map.entry("midm-2.0", "llama3"), Map.entry("lfm2", "llama3"),
            Map.entry("dbrx", "llama3"), Map.entry("smaug-bpe", "llama3"), Map.entry("glm4", "llama3"), Map.entry("chatglm-bpe", "llama3"),
            Map.entry("qwen2", "qwen2"), Map.entry("deepseek-r1-qwen", "qwen2"), Map.entry("stablelm2", "qwen2"), Map.entry("hunyuan", "qwen2"),
            Map.entry("megrez", "qwen2"), Map.entry("grok-2", "qwen2"), Map.entry("solar-open", "qwen2"), Map.entry("qwen35", "qwen35"),
            Map.entry("gpt-2", "gpt-2"), Map.entry("phi-2", "gpt-2"), Map.entry("mpt", "gpt-2"), Map.entry("olmo", "gpt-2"),
            Map.entry("jais", "gpt-2"), Map.entry("trillion", "gpt-2"), Map.entry("modern-bert", "gpt-2"), Map.entry("roberta-bpe", "gpt-2"),
            Map.entry("gigachat", "gpt-2"), Map.entry("exaone4", "gpt-2"), Map.entry("jina-v2-code", "gpt-2"), Map.entry("starcoder", "digits"),
            Map.entry("refact", "digits"), Map.entry("command-r", "digits"), Map.entry("smollm", "digits"), Map.entry("codeshell", "digits"),
            Map.entry("exaone", "digits"), Map.entry("minerva-7b", "digits"), Map.entry("falcon", "falcon"), Map.entry("tekken", "tekken"),
            Map.entry("gpt-4o", "gpt-4o"), Map.entry("llama4", "gpt-4o"), Map.entry("minimax-m2", "gpt-4o"), Map.entry("default", "default"),
            Map.entry("deepseek-llm", "deepseek-llm"), Map.entry("deepseek-coder", "deepseek-coder"), Map.entry("deepseek-v3", "deepseek-v3"),
            Map.entry("hunyuan-dense", "deepseek-v3"), Map.entry("bloom", "bloom"), Map.entry("poro-chat", "bloom"), Map.entry("gpt3-finnish", "bloom"));

    /// Families whose whole words win over their merges.
    private static final Set<String> WHOLE_WORDS = Set.of("llama3", "llama-v3", "llama-bpe", "falcon3", "falcon-h1", "pixtral", "midm-2.0",
            "lfm2", "tekken", "chatglm-bpe", "glm4");
    static final java.util.SortedSet<String> NAMES = new java.util.TreeSet<>(SAME.keySet());

    /// Names that are written for a cut, without and with whole words first; where only one exists, the other is null.
    private static final Map<String, String[]> WRITTEN = Map.ofEntries(
            Map.entry("llama3", new String[] {"smaug-bpe", "llama-bpe"}), Map.entry("qwen2", new String[] {"qwen2", null}),
            Map.entry("qwen35", new String[] {"qwen35", null}), Map.entry("gpt-2", new String[] {"gpt-2", null}),
            Map.entry("digits", new String[] {"starcoder", null}), Map.entry("tekken", new String[] {null, "tekken"}),
            Map.entry("gpt-4o", new String[] {"gpt-4o", null}), Map.entry("falcon", new String[] {"falcon", null}),
            Map.entry("deepseek-v3", new String[] {"deepseek-v3", null}), Map.entry("deepseek-coder", new String[] {"deepseek-coder", null}),
            Map.entry("deepseek-llm", new String[] {"deepseek-llm", null}), Map.entry("bloom", new String[] {"bloom", null}));

    /// The name to write for words cut by these patterns, one after the other; null when GGUF has none.
    static String written(List<String> patterns, boolean wholeWords) {
        for (Map.Entry<String, String[]> entry : WRITTEN.entrySet()) {
            if (PATTERNS.get(entry.getKey()).equals(patterns)) return entry.getValue()[wholeWords ? 1 : 0];
        }
        return null;
    }

    /// The patterns behind a name, or null.
    static List<String> patterns(String name) {
        return SAME.containsKey(name) ? PATTERNS.get(SAME.get(name)) : null;
    }

    static boolean wholeWords(String name) {
        return WHOLE_WORDS.contains(name);
    }

    /// The cut of a name, or null.
    static GgufPreTokenizer of(String name) {
        String cut = SAME.get(name);
        if (cut == null) return null;
        List<PreTokenizer> parts = new ArrayList<>();
        for (String pattern : PATTERNS.get(cut)) parts.add(new PreTokenizer.Cut(Splitter.regex(pattern, Behavior.ISOLATED, false, name)));
        parts.add(new PreTokenizer.ByteLevel(false, null));
        return new GgufPreTokenizer(new PreTokenizer.Sequence(parts), WHOLE_WORDS.contains(name));
    }
}
