// SPDX-License-Identifier: Apache-2.0
package dev.stoa.token;

import dev.stoa.EngineFault;
import dev.stoa.format.Json;
import dev.stoa.format.JsonFields;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.PriorityQueue;
import java.util.Set;
import java.util.TreeMap;
import java.util.stream.IntStream;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.JsonNodeFactory;
import tools.jackson.databind.node.ObjectNode;

/// Learns byte-level BPE: digits stand alone, words are cut by the GPT-2 pattern, and the most frequent pair merges
/// next; equal counts go to the pair whose bytes come first. The same texts give the same file on every machine.
public final class BpeTrainer {
    private static final JsonNodeFactory JSON = JsonNodeFactory.instance;
    private static final int MIN_COUNT = 2;

    /// A pair of tokens beside each other; `words` may hold words that have lost it since.
    private static final class Pair {
        private final int left;
        private final int right;
        private final Set<Integer> words = new HashSet<>();
        private long count;

        Pair(int left, int right) {
            this.left = left;
            this.right = right;
        }
    }

    private record Candidate(long count, Pair pair) {}

    private final List<byte[]> tokens = new ArrayList<>();              // token -> bytes
    private final Map<String, Integer> tokenIds = new HashMap<>();      // alphabet characters -> token
    private final Set<String> merges = new LinkedHashSet<>();           // a pair can come back; its first rank counts
    private final Map<Long, Pair> pairs = new HashMap<>();
    private final PriorityQueue<Candidate> queue = new PriorityQueue<>(Comparator
            .comparingLong((Candidate candidate) -> -candidate.count)
            .thenComparing(candidate -> tokens.get(candidate.pair.left), Arrays::compareUnsigned)
            .thenComparing(candidate -> tokens.get(candidate.pair.right), Arrays::compareUnsigned));
    private final int[][] words;
    private final long[] counts;

    private BpeTrainer(TreeMap<String, Long> wordCounts) {
        IntStream.range(0, 256).boxed().sorted(Comparator.comparing(ByteAlphabet::charOf))
                .forEach(b -> add(new byte[] {(byte) (int) b}, String.valueOf(ByteAlphabet.charOf(b))));
        words = new int[wordCounts.size()][];
        counts = new long[words.length];
        int next = 0;
        for (Map.Entry<String, Long> word : wordCounts.entrySet()) {
            words[next] = word.getKey().chars().map(c -> tokenIds.get(String.valueOf((char) c))).toArray();
            counts[next++] = word.getValue();
        }
    }

    /// The text of a `tokenizer.json` with at most `vocabulary` ids: `specials` first, then the 256 bytes, then merges
    /// in the order learned. Fewer, when no pair is left that occurs twice. Texts are cut at specials.
    public static String train(Iterable<String> texts, int vocabulary, List<String> specials) {
        if (vocabulary < specials.size() + 256) {
            throw new IllegalArgumentException("a vocabulary of " + vocabulary + " cannot hold 256 bytes and " + specials.size() + " specials");
        }
        if (new HashSet<>(specials).size() < specials.size() || specials.stream().anyMatch(special -> special.length() < 2)) {
            throw new IllegalArgumentException("specials must be distinct texts of two characters or more: " + specials);
        }
        BpeTrainer trainer = new BpeTrainer(count(texts, specials));
        trainer.learn(vocabulary - specials.size());
        return Json.pretty(trainer.file(specials));
    }

    private static TreeMap<String, Long> count(Iterable<String> texts, List<String> specials) {
        List<AddedTokens.Added> added = specials.stream()
                .map(special -> new AddedTokens.Added(0, special, false, false, false, false, true)).toList();
        AddedTokens cutter = new AddedTokens(added, text -> text);
        PreTokenizer preTokenizer = PreTokenizer.parse(new JsonFields(preTokenizer(), "trainer", EngineFault.TOKENIZER_INVALID));
        HashMap<String, Long> counts = new HashMap<>();
        for (String text : texts) {
            for (AddedTokens.Part part : cutter.split(text, true)) {
                if (part.id() >= 0) continue;
                for (String word : preTokenizer.split(part.text(), true)) counts.merge(word, 1L, Long::sum);
            }
        }
        return new TreeMap<>(counts);
    }

    private void learn(int size) {
        for (int word = 0; word < words.length; word++) {
            for (int i = 0; i + 1 < words[word].length; i++) count(word, words[word][i], words[word][i + 1], counts[word]);
        }
        for (Pair pair : pairs.values()) queue.add(new Candidate(pair.count, pair));
        while (tokens.size() < size && !queue.isEmpty()) {
            Candidate best = queue.poll();
            if (best.count != best.pair.count) continue;        // outdated; a newer candidate is queued
            if (best.count < MIN_COUNT) return;
            merge(best.pair);
        }
    }

    private void merge(Pair pair) {
        String left = text(pair.left);
        String right = text(pair.right);
        merges.add(left + " " + right);
        Integer known = tokenIds.get(left + right);             // "a"+"bc" may follow "ab"+"c"
        int result = known != null ? known : add(ByteAlphabet.decode(left + right), left + right);
        Set<Pair> changed = new HashSet<>();
        for (int word : pair.words) changed.addAll(replace(word, pair, result));
        pairs.remove(key(pair.left, pair.right));
        pair.count = 0;
        changed.remove(pair);
        for (Pair other : changed) queue.add(new Candidate(other.count, other));
    }

    /// Merges inside one word and recounts its pairs; returns the pairs whose count changed.
    private Set<Pair> replace(int word, Pair pair, int result) {
        int[] old = words[word];
        int[] merged = new int[old.length];
        int n = 0;
        for (int i = 0; i < old.length; i++) {
            boolean match = i + 1 < old.length && old[i] == pair.left && old[i + 1] == pair.right;
            merged[n++] = match ? result : old[i];
            if (match) i++;
        }
        Set<Pair> changed = new HashSet<>();
        if (n == old.length) return changed;
        for (int i = 0; i + 1 < old.length; i++) changed.add(count(word, old[i], old[i + 1], -counts[word]));
        words[word] = Arrays.copyOf(merged, n);
        for (int i = 0; i + 1 < n; i++) changed.add(count(word, merged[i], merged[i + 1], counts[word]));
        return changed;
    }

    private Pair count(int word, int left, int right, long change) {
        Pair pair = pairs.computeIfAbsent(key(left, right), _ -> new Pair(left, right));
        pair.count += change;
        if (change > 0) pair.words.add(word);
        return pair;
    }

    private int add(byte[] bytes, String text) {
        tokens.add(bytes);
        tokenIds.put(text, tokens.size() - 1);
        return tokens.size() - 1;
    }

    private String text(int token) {
        StringBuilder text = new StringBuilder();
        for (byte b : tokens.get(token)) text.append(ByteAlphabet.charOf(b & 255));
        return text.toString();
    }

    private static long key(int left, int right) {
        return (long) left << 32 | right;
    }

    private ObjectNode file(List<String> specials) {
        ObjectNode vocabulary = JSON.objectNode();
        ArrayNode added = JSON.arrayNode();
        for (String special : specials) {
            ObjectNode token = JSON.objectNode();
            token.put("id", added.size()).put("content", special).put("single_word", false).put("lstrip", false)
                    .put("rstrip", false).put("normalized", false).put("special", true);
            vocabulary.put(special, added.size());
            added.add(token);
        }
        for (int token = 0; token < tokens.size(); token++) vocabulary.put(text(token), specials.size() + token);
        ArrayNode mergeList = JSON.arrayNode();
        merges.forEach(mergeList::add);

        ObjectNode model = JSON.objectNode();
        model.put("type", "BPE");
        for (String absent : List.of("dropout", "unk_token", "continuing_subword_prefix", "end_of_word_suffix")) model.putNull(absent);
        model.put("fuse_unk", false).put("byte_fallback", false).put("ignore_merges", false);
        model.set("vocab", vocabulary);
        model.set("merges", mergeList);

        ObjectNode root = JSON.objectNode();
        root.put("version", "1.0").putNull("truncation").putNull("padding");
        root.set("added_tokens", added);
        root.putNull("normalizer");
        root.set("pre_tokenizer", preTokenizer());
        root.putNull("post_processor");
        root.set("decoder", byteLevel());
        root.set("model", model);
        return root;
    }

    private static ObjectNode preTokenizer() {
        ObjectNode digits = JSON.objectNode();
        digits.put("type", "Digits").put("individual_digits", true);
        ObjectNode sequence = JSON.objectNode();
        sequence.put("type", "Sequence");
        sequence.set("pretokenizers", JSON.arrayNode().add(digits).add(byteLevel()));
        return sequence;
    }

    private static ObjectNode byteLevel() {
        ObjectNode level = JSON.objectNode();
        return level.put("type", "ByteLevel").put("add_prefix_space", false).put("trim_offsets", true).put("use_regex", true);
    }
}
