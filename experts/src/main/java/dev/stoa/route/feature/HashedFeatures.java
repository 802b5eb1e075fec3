// SPDX-License-Identifier: Apache-2.0
package dev.stoa.route.feature;

import dev.stoa.memory.Embedder;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;

/// Features without weights: words, word pairs and character 3- to 5-grams, hashed (FNV-1a 64) into 16,384 buckets
/// and projected onto 768 components by fixed signs. The same on every machine and in every run.
///
/// Immutable and thread-safe. The inverse document frequencies are part of its identity.
public final class HashedFeatures implements FeatureSource, Embedder {
    public static final int BUCKETS = 16_384;
    public static final int DIM = 768;
    private static final int SPREAD = 8;
    private static final long GOLDEN = 0x9E3779B97F4A7C15L;
    private static final byte WORD = 1;
    private static final byte PAIR = 2;
    private static final byte GRAM = 3;
    private static final byte[] NOTHING = new byte[0];

    /// Component of bucket b's j-th copy at b * SPREAD + j; its complement when the sign is negative.
    private static final short[] PLACES = places();

    private final float[] idf;
    private final String hash;

    /// With every inverse document frequency 1.
    public HashedFeatures() {
        this(null);
    }

    /// `idf` has one factor per bucket; null means 1 for all.
    public HashedFeatures(float[] idf) {
        if (idf != null && idf.length != BUCKETS) throw new IllegalArgumentException("idf needs " + BUCKETS + " values");
        this.idf = idf == null ? null : idf.clone();
        hash = identity();
    }

    private static short[] places() {
        short[] places = new short[BUCKETS * SPREAD];
        for (int bucket = 0; bucket < BUCKETS; bucket++) {
            for (int j = 0; j < SPREAD; j++) {
                long draw = splitMix64(bucket * GOLDEN + j);
                int component = (int) Long.remainderUnsigned(draw, DIM);
                places[bucket * SPREAD + j] = (short) (draw < 0 ? ~component : component);
            }
        }
        return places;
    }

    /// Fits the inverse document frequencies, ln((1 + N) / (1 + n_bucket)) + 1, on the texts of a training split.
    public static HashedFeatures fit(Iterable<String> texts) {
        int[] documents = new int[BUCKETS];
        int count = 0;
        for (String text : texts) {
            count++;
            int[] buckets = Arrays.stream(buckets(text)).distinct().toArray();
            for (int bucket : buckets) documents[bucket]++;
        }
        float[] idf = new float[BUCKETS];
        for (int b = 0; b < BUCKETS; b++) idf[b] = (float) (StrictMath.log((1.0 + count) / (1.0 + documents[b])) + 1);
        return new HashedFeatures(idf);
    }

    @Override
    public String id() {
        return "hashed";
    }

    @Override
    public String hash() {
        return hash;
    }

    @Override
    public int dim() {
        return DIM;
    }

    /// The inverse document frequencies, or null when all are 1.
    public float[] idf() {
        return idf == null ? null : idf.clone();
    }

    @Override
    public List<float[]> embed(RouteText text) {
        float[] vector = embed(text.user());
        return vector == null ? List.of() : List.of(vector);
    }

    /// The unit vector (768) of a text, or null when the text has no word.
    @Override
    public float[] embed(String text) {
        int[] buckets = buckets(text);
        if (buckets.length == 0) return null;
        Arrays.sort(buckets);
        float[] vector = new float[DIM];
        for (int from = 0, to; from < buckets.length; from = to) {
            int bucket = buckets[from];
            for (to = from; to < buckets.length && buckets[to] == bucket; ) to++;
            float value = (float) Math.sqrt(to - from) * (idf == null ? 1f : idf[bucket]);
            for (int j = 0; j < SPREAD; j++) {
                short place = PLACES[bucket * SPREAD + j];
                if (place < 0) vector[~place] -= value;
                else vector[place] += value;
            }
        }
        double square = 0;
        for (float x : vector) square += (double) x * x;
        if (square == 0) return null;
        float scale = (float) (1 / Math.sqrt(square));
        for (int i = 0; i < DIM; i++) vector[i] *= scale;
        return vector;
    }

    /// Bucket of every feature occurrence, in text order.
    static int[] buckets(String text) {
        List<String> words = WordSplitter.words(text);
        int[] found = new int[256];
        int n = 0;
        byte[] previous = NOTHING;
        for (String word : words) {
            byte[] bytes = word.getBytes(StandardCharsets.UTF_8);
            byte[] framed = ("<" + word + ">").getBytes(StandardCharsets.UTF_8);
            int[] starts = characterStarts(framed);
            int characters = starts.length - 1;
            int most = n + 2 + 3 * characters;
            if (most > found.length) found = Arrays.copyOf(found, Math.max(most, found.length * 2));
            found[n++] = bucket(WORD, bytes, 0, bytes.length, NOTHING);
            if (previous != NOTHING) found[n++] = bucket(PAIR, previous, 0, previous.length, bytes);
            for (int size = 3; size <= 5; size++) {
                for (int i = 0; i + size <= characters; i++) {
                    found[n++] = bucket(GRAM, framed, starts[i], starts[i + size], NOTHING);
                }
            }
            previous = bytes;
        }
        return Arrays.copyOf(found, n);
    }

    /// Byte offsets of the characters of UTF-8 text, and its length at the end.
    private static int[] characterStarts(byte[] utf8) {
        int[] starts = new int[utf8.length + 1];
        int n = 0;
        for (int i = 0; i < utf8.length; i++) if ((utf8[i] & 0xC0) != 0x80) starts[n++] = i;
        starts[n++] = utf8.length;
        return Arrays.copyOf(starts, n);
    }

    /// FNV-1a over the type byte, bytes [from, to) and, for a pair, a space and the second word; modulo BUCKETS.
    private static int bucket(byte type, byte[] bytes, int from, int to, byte[] second) {
        long hash = fnv(0xCBF29CE484222325L, type);
        for (int i = from; i < to; i++) hash = fnv(hash, bytes[i]);
        if (type == PAIR) {
            hash = fnv(hash, (byte) ' ');
            for (byte b : second) hash = fnv(hash, b);
        }
        return (int) (hash & (BUCKETS - 1));
    }

    private static long fnv(long hash, byte b) {
        return (hash ^ (b & 0xFF)) * 0x100000001B3L;
    }

    /// First output of a SplitMix64 generator seeded with `seed`.
    private static long splitMix64(long seed) {
        long z = seed + GOLDEN;
        z = (z ^ (z >>> 30)) * 0xBF58476D1CE4E5B9L;
        z = (z ^ (z >>> 27)) * 0x94D049BB133111EBL;
        return z ^ (z >>> 31);
    }

    private String identity() {
        try {
            MessageDigest digest = MessageDigest.getInstance("SHA-256");
            digest.update("stoa-hashed-1".getBytes(StandardCharsets.UTF_8));
            if (idf != null) {
                ByteBuffer bytes = ByteBuffer.allocate(4 * BUCKETS).order(ByteOrder.LITTLE_ENDIAN);
                for (float factor : idf) bytes.putFloat(factor);
                digest.update(bytes.array());
            }
            return HexFormat.of().formatHex(digest.digest()).substring(0, 16);
        } catch (NoSuchAlgorithmException missing) {
            throw new IllegalStateException("every JDK has SHA-256", missing);
        }
    }
}
