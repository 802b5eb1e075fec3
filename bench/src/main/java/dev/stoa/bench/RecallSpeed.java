// SPDX-License-Identifier: Apache-2.0
package dev.stoa.bench;

import dev.stoa.memory.AppendBatch;
import dev.stoa.memory.AppendBatch.Durability;
import dev.stoa.memory.AppendBatch.NewEpisode;
import dev.stoa.memory.EmbeddedMemory;
import dev.stoa.memory.Embedder;
import dev.stoa.memory.Origin;
import dev.stoa.memory.PredicateTable;
import dev.stoa.memory.RecallQuery;
import dev.stoa.memory.RelevanceGate;
import dev.stoa.memory.TenantContext;
import dev.stoa.memory.VectorIndex;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.SplittableRandom;
import java.util.stream.Stream;

/// How long memory takes to find ten of many episodes, and to keep one: the exact vector index alone, checked against
/// brute force, then a whole recall (words, facts, gate), then durable writes. Texts are of made-up words with the
/// frequencies of a language (Zipf); a vector is the sum of its words' random vectors, so that near ones exist.
///
/// Arguments: episodes, dimension, queries, directory (made anew, removed after).
public final class RecallSpeed {
    private static final int WORDS = 20_000;
    private static final int LENGTH = 14;
    private static final int K = 10;
    private static final int WARM = 50;

    private RecallSpeed() {}

    public static void main(String[] args) throws IOException {
        int episodes = Integer.parseInt(args[0]), dim = Integer.parseInt(args[1]), queries = Integer.parseInt(args[2]);
        Path directory = Path.of(args[3]);
        Sums embedder = new Sums(dim);
        SplittableRandom random = new SplittableRandom(7);
        List<String> texts = new ArrayList<>();
        for (int i = 0; i < episodes; i++) texts.add(text(random, LENGTH));
        List<String> asked = new ArrayList<>();
        for (int i = 0; i < WARM + queries; i++) asked.add(texts.get(random.nextInt(episodes)).substring(0, 40) + " " + text(random, 3));
        index(texts, asked, embedder);
        try {
            memory(texts, asked, embedder, directory);
        } finally {
            try (Stream<Path> all = Files.walk(directory)) {
                for (Path path : all.sorted(Comparator.reverseOrder()).toList()) Files.delete(path);
            }
        }
    }

    private static void index(List<String> texts, List<String> asked, Sums embedder) {
        VectorIndex index = new VectorIndex(embedder.dim());
        List<float[]> vectors = new ArrayList<>();
        for (int i = 0; i < texts.size(); i++) {
            vectors.add(embedder.embed(texts.get(i)));
            index.insert(Integer.toString(i), vectors.get(i));
        }
        double[] millis = new double[asked.size()];
        int found = 0, checked = 0;
        for (int i = 0; i < millis.length; i++) {
            float[] query = embedder.embed(asked.get(i));
            long start = System.nanoTime();
            List<VectorIndex.Hit> hits = index.search(query, K, _ -> true);
            millis[i] = (System.nanoTime() - start) / 1e6;
            if (i % 50 == 0) {
                Set<Integer> truth = brute(vectors, query);
                checked += K;
                for (VectorIndex.Hit hit : hits) if (truth.contains(Integer.parseInt(hit.id()))) found++;
            }
        }
        print("vector index of %,d x %d, k %d, recall %.4f of %d checked".formatted(texts.size(), embedder.dim(), K, found / (double) checked, checked), millis);
    }

    private static Set<Integer> brute(List<float[]> vectors, float[] query) {
        double[] scores = new double[vectors.size()];
        for (int i = 0; i < scores.length; i++) {
            float[] vector = vectors.get(i);
            for (int c = 0; c < query.length; c++) scores[i] += (double) vector[c] * query[c];
        }
        double[] sorted = scores.clone();
        Arrays.sort(sorted);
        Set<Integer> best = new HashSet<>();
        for (int i = 0; i < scores.length; i++) if (scores[i] >= sorted[sorted.length - K]) best.add(i);
        return best;
    }

    private static void memory(List<String> texts, List<String> asked, Sums embedder, Path directory) throws IOException {
        TenantContext tenant = TenantContext.of("bench");
        try (EmbeddedMemory memory = EmbeddedMemory.open(directory, EmbeddedMemory.Settings.of(embedder, PredicateTable.EMPTY, RelevanceGate.hashed(embedder.hash())))) {
            for (int from = 0; from < texts.size(); from += AppendBatch.LIMIT) {
                List<NewEpisode> batch = texts.subList(from, Math.min(texts.size(), from + AppendBatch.LIMIT)).stream()
                        .map(text -> new NewEpisode(Origin.USER, text, null)).toList();
                memory.append(tenant, new AppendBatch(batch, List.of(), null, Durability.FAST));
            }
            double[] recall = new double[asked.size()];
            for (int i = 0; i < recall.length; i++) {
                RecallQuery query = RecallQuery.of(asked.get(i)).k(K).gated(false);
                long start = System.nanoTime();
                int items = memory.recall(tenant, query).items().size();
                recall[i] = (System.nanoTime() - start) / 1e6;
                if (items != K) throw new IllegalStateException(items + " items recalled");
            }
            print("recall, words and facts too", recall);
            double[] writes = new double[WARM + 200];
            for (int i = 0; i < writes.length; i++) {
                long start = System.nanoTime();
                memory.append(tenant, AppendBatch.said(Origin.USER, asked.get(i % asked.size()) + " " + i));
                writes[i] = (System.nanoTime() - start) / 1e6;
            }
            print("durable write of one episode", writes);
        }
    }

    private static void print(String what, double[] millis) {
        double[] sorted = Arrays.copyOfRange(millis, WARM, millis.length);
        Arrays.sort(sorted);
        int n = sorted.length;
        System.out.printf("%s: median %.2f ms, p99 %.2f ms, %d times%n", what, sorted[n / 2], sorted[(int) (n * .99)], n);
    }

    private static String text(SplittableRandom random, int words) {
        StringBuilder text = new StringBuilder();
        for (int i = 0; i < words; i++) text.append(i == 0 ? "" : " ").append("w").append((int) Math.pow(WORDS, random.nextDouble()));
        return text.toString();
    }

    /// A text as the normalized sum of its words' random vectors.
    private record Sums(int dim) implements Embedder {
        @Override
        public String id() {
            return "sums-" + dim;
        }

        @Override
        public String hash() {
            return "0".repeat(60) + "%04d".formatted(dim);
        }

        @Override
        public float[] embed(String text) {
            double[] sum = new double[dim];
            for (String word : text.split(" ")) {
                SplittableRandom random = new SplittableRandom(word.hashCode());
                for (int i = 0; i < dim; i++) sum[i] += random.nextDouble() - .5;
            }
            double square = 0;
            for (double value : sum) square += value * value;
            float[] vector = new float[dim];
            for (int i = 0; i < dim; i++) vector[i] = (float) (sum[i] / Math.sqrt(square));
            return vector;
        }
    }
}
