// SPDX-License-Identifier: Apache-2.0
package dev.stoa.route.feature;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.Executors;
import org.junit.jupiter.api.Test;

class HashedFeaturesTest {
    private final HashedFeatures features = new HashedFeatures();

    @Test
    void splitsNormalizedWords() {
        assertThat(WordSplitter.words("Place  R4\u200b between N3/n7, C++ & f# v1.2!"))
                .containsExactly("place", "r4", "between", "n3", "n7", "c++", "f#", "v1.2");
        assertThat(WordSplitter.words("ﬁne\tＡＢ\u0000c")).containsExactly("fine", "abc");
        assertThat(WordSplitter.words(" \n!? ")).isEmpty();
    }

    @Test
    void producesTheListedFeatures() {
        // <ab>: 4 characters give 2 + 1 grams of 3 and 4; <c>: one gram; two words and one pair.
        assertThat(HashedFeatures.buckets("ab c")).hasSize(2 + 1 + 3 + 1);
        assertThat(HashedFeatures.buckets("é")).as("characters, not bytes").hasSize(2);
    }

    @Test
    void hashesAsTheDefinitionSays() {
        // The definition written out once more, with plain arithmetic, for one word of one character.
        long word = fnv(1, "x".getBytes(StandardCharsets.UTF_8));
        long gram = fnv(3, "<x>".getBytes(StandardCharsets.UTF_8));
        double[] sum = new double[768];
        for (long hash : new long[] {word, gram}) {
            long bucket = Long.remainderUnsigned(hash, 16384);
            for (int j = 0; j < 8; j++) {
                long z = bucket * 0x9E3779B97F4A7C15L + j + 0x9E3779B97F4A7C15L;
                z = (z ^ (z >>> 30)) * 0xBF58476D1CE4E5B9L;
                z = (z ^ (z >>> 27)) * 0x94D049BB133111EBL;
                z ^= z >>> 31;
                sum[(int) Long.remainderUnsigned(z, 768)] += z < 0 ? -1 : 1;
            }
        }
        double norm = Math.sqrt(Arrays.stream(sum).map(x -> x * x).sum());
        float[] vector = features.embed("x");
        for (int i = 0; i < 768; i++) assertThat((double) vector[i]).isCloseTo(sum[i] / norm, within(1e-6));
    }

    @Test
    void isBitwiseEqualAcrossThreadsAndInstances() throws Exception {
        String text = "please, spice netlist: place tomok r4 between n3 and n7, one line";
        float[] first = features.embed(text);
        List<Callable<float[]>> tasks = new ArrayList<>();
        for (int i = 0; i < 16; i++) tasks.add(() -> new HashedFeatures().embed(text));
        try (var pool = Executors.newFixedThreadPool(4)) {
            for (var result : pool.invokeAll(tasks)) assertThat(result.get()).containsExactly(first);
        }
        assertThat(Arrays.hashCode(first)).as("golden: never change the features silently").isEqualTo(GOLDEN);
    }

    private static final int GOLDEN = -99473859;

    @Test
    void unitLengthNoNaNAndNothingForNothing() {
        for (String text : List.of("a", "SELECT luvo FROM r4 WHERE n > 7;", "漢字 かな", "x".repeat(100_000), "a b ".repeat(50_000))) {
            double square = 0;
            for (float x : features.embed(text)) square += (double) x * x;
            assertThat(square).isCloseTo(1, within(1e-5));
        }
        assertThat(features.embed("")).isNull();
        assertThat(features.embed("\u200b\u0000 ...".replace(".", ""))).isNull();
        assertThat(features.embed(RouteText.of("?!"))).isEmpty();
    }

    @Test
    void similarTextsAreNearerThanOthers() {
        float[] a = features.embed("which board does alice use");
        assertThat(dot(a, features.embed("what board is alice using")))
                .isGreaterThan(dot(a, features.embed("deploy the service to zone four")) + 0.2);
    }

    @Test
    void fittedFrequenciesCountForTheHashAndDampCommonWords() {
        HashedFeatures fitted = HashedFeatures.fit(List.of("the cat", "the dog", "the bird", "the fish"));
        assertThat(fitted.hash()).isNotEqualTo(features.hash());
        assertThat(dot(fitted.embed("the cat"), fitted.embed("the dog")))
                .isLessThan(dot(features.embed("the cat"), features.embed("the dog")));
        assertThatThrownBy(() -> new HashedFeatures(new float[3])).isInstanceOf(IllegalArgumentException.class);
    }

    private static long fnv(int type, byte[] bytes) {
        long hash = (0xCBF29CE484222325L ^ type) * 0x100000001B3L;
        for (byte b : bytes) hash = (hash ^ (b & 0xFF)) * 0x100000001B3L;
        return hash;
    }

    private static double dot(float[] a, float[] b) {
        double sum = 0;
        for (int i = 0; i < a.length; i++) sum += (double) a[i] * b[i];
        return sum;
    }
}
