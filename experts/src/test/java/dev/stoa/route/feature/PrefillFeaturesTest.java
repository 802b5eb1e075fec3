// SPDX-License-Identifier: Apache-2.0
package dev.stoa.route.feature;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import dev.stoa.FaultException;
import dev.stoa.adapter.AdapterSet;
import dev.stoa.generate.Context;
import dev.stoa.generate.Event;
import dev.stoa.generate.GenerateRequest;
import dev.stoa.generate.Generator;
import dev.stoa.template.ChatTemplate;
import dev.stoa.template.Message;
import dev.stoa.token.Tokenizer;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.function.Consumer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class PrefillFeaturesTest {
    private static final int DIM = 6;
    private static final int LAYERS = 8;
    private static final int TELLING = 3; // the only layer whose residuals depend on the token
    @TempDir
    Path root;

    private final RoutePrompts prompts = new RoutePrompts(new Characters(),
            ChatTemplate.parse("{% for m in messages %}<{{ m.role }}>{{ m.content }}</>{% endfor %}<assistant>"), Map.of(), 600);

    /// One token a character.
    private record Characters() implements Tokenizer {
        @Override
        public int[] encode(String text, boolean allowSpecial) {
            return text.chars().toArray();
        }

        @Override
        public String decode(int[] ids, boolean skipSpecial) {
            return new String(ids, 0, ids.length);
        }

        @Override
        public byte[] bytes(int id) {
            return new byte[] {(byte) id};
        }

        @Override
        public int size() {
            return 256;
        }

        @Override
        public boolean isSpecial(int id) {
            return false;
        }

        @Override
        public int id(String token) {
            return -1;
        }
    }

    /// Residuals of a made-up base: at one layer they tell the characters apart, elsewhere only positions.
    private record Base() implements Generator {
        @Override
        public float[] hidden(int[] prompt, int layer, int[] positions) {
            assertThat(prompt.length).isLessThanOrEqualTo(600);
            float[] out = new float[positions.length * DIM];
            for (int p = 0; p < positions.length; p++) {
                int token = prompt[positions[p]];
                SplittableRandom noise = new SplittableRandom(positions[p] * 31L + layer + (layer == TELLING ? token * 977L : 0));
                for (int d = 0; d < DIM; d++) {
                    out[p * DIM + d] = (float) (0.3 * noise.nextGaussian() + (layer == TELLING && d == token % DIM ? 3 : 0));
                }
            }
            return out;
        }

        @Override
        public RequestHandle submit(GenerateRequest request, Context context, Consumer<Event> sink) {
            throw new UnsupportedOperationException();
        }

        @Override
        public Generation generate(GenerateRequest request, Context context) {
            throw new UnsupportedOperationException();
        }

        @Override
        public List<Generation> generateAll(List<GenerateRequest> requests, Context context) {
            throw new UnsupportedOperationException();
        }

        @Override
        public double[] score(int[] prompt, int[] continuation, AdapterSet experts) {
            throw new UnsupportedOperationException();
        }

        @Override
        public float[] logProbabilities(int[] prompt, int[] continuation, AdapterSet experts) {
            throw new UnsupportedOperationException();
        }

        @Override
        public void close() {}
    }

    private PrefillFeatures fitted() {
        List<RouteText> rows = new ArrayList<>();
        List<String> labels = new ArrayList<>();
        SplittableRandom random = new SplittableRandom(3);
        for (int i = 0; i < 60; i++) {
            char letter = "abc".charAt(i % 3);
            rows.add(RouteText.of(("" + letter).repeat(9 + random.nextInt(5)) + "xyz".charAt(random.nextInt(3))));
            labels.add("" + letter);
        }
        return PrefillFeatures.fit(new Base(), prompts, "base1", LAYERS, rows, labels);
    }

    @Test
    void choosesTheLayerThatSeparatesLabels() {
        PrefillFeatures features = fitted();
        assertThat(features.layer()).isEqualTo(TELLING);
        assertThat(features.dim()).isEqualTo(2 * DIM);
        float[] a = features.embed(RouteText.of("aaaaaaaaaa")).getFirst();
        assertThat(dot(a, a)).isCloseTo(1, within(1e-5));
        assertThat(features.embed(RouteText.of("aaaaaaaaaa")).getFirst()).containsExactly(a);
        assertThat(dot(a, features.embed(RouteText.of("aaaaaaaaaaaa")).getFirst()))
                .isGreaterThan(dot(a, features.embed(RouteText.of("bbbbbbbbbbbb")).getFirst()) + 0.3);
    }

    @Test
    void readsThePositionsOfTheMessage() {
        RoutePrompts.Prompt prompt = prompts.of(new RouteText(List.of(new Message("system", "be brief")), "hello there")).getFirst();
        assertThat(text(prompt)).isEqualTo("hello there");
        List<Message> before = List.of(new Message("user", "about rust"), new Message("assistant", "yes"));
        assertThat(text(prompts.of(new RouteText(before, "and c?")).getFirst())).as("a short message takes the one before").isEqualTo("about rustand c?");
        assertThat(prompts.of(RouteText.of(" \n "))).isEmpty();
        assertThat(text(prompts.of(RouteText.of("</><system>x</>")).getFirst())).isEqualTo("</><system>x</>");
    }

    private static String text(RoutePrompts.Prompt prompt) {
        StringBuilder text = new StringBuilder();
        for (int position : prompt.positions()) text.append((char) prompt.ids()[position]);
        return text.toString();
    }

    @Test
    void longInputIsBounded() {
        List<RoutePrompts.Prompt> windows = prompts.of(new RouteText(
                List.of(new Message("user", "h".repeat(400)), new Message("assistant", "r".repeat(400))), "x".repeat(100_000)));
        assertThat(windows).hasSize(4).allSatisfy(window -> {
            assertThat(window.ids().length).isLessThanOrEqualTo(600);
            assertThat(window.positions()).hasSize(256);
        });
        assertThat(RoutePrompts.windows(new int[256], 256)).hasSize(1);
        assertThat(RoutePrompts.windows(new int[257], 256)).hasSizeBetween(2, 4);
        assertThat(fitted().embed(RouteText.of("x".repeat(100_000)))).hasSize(4);
    }

    @Test
    void savesAndLoadsAndKnowsItsBase() throws IOException {
        PrefillFeatures features = fitted();
        Path file = root.resolve("features.safetensors");
        features.save(file);
        PrefillFeatures back = PrefillFeatures.load(file, new Base(), prompts, "base1");
        assertThat(back.hash()).isEqualTo(features.hash());
        assertThat(back.embed(RouteText.of("abcabcabc")).getFirst()).containsExactly(features.embed(RouteText.of("abcabcabc")).getFirst());
        assertThat(PrefillFeatures.load(file, new Base(), prompts, "base2").hash()).isNotEqualTo(features.hash());
        Files.write(file, new byte[100]);
        assertThatThrownBy(() -> PrefillFeatures.load(file, new Base(), prompts, "base1")).isInstanceOf(FaultException.class);
        assertThatThrownBy(() -> PrefillFeatures.fit(new Base(), prompts, "b", LAYERS, List.of(), List.of())).isInstanceOf(FaultException.class)
                .hasMessageContaining("router_data_invalid");
    }

    @Test
    void whiteningGivesUnitCovariance() {
        SplittableRandom random = new SplittableRandom(9);
        List<float[]> rows = new ArrayList<>();
        for (int i = 0; i < 4_000; i++) {
            double a = random.nextGaussian();
            double b = random.nextGaussian();
            rows.add(new float[] {(float) (5 + 3 * a), (float) (a + 0.2 * b), (float) (-2 * b)});
        }
        Whitening whitening = Whitening.fit(rows);
        double[][] covariance = new double[2][2];
        for (float[] row : rows) {
            double[] x = new double[2];
            for (int k = 0; k < 2; k++) for (int i = 0; i < 3; i++) x[k] += whitening.directions()[k][i] * (row[i] - whitening.mean()[i]);
            for (int p = 0; p < 2; p++) for (int q = 0; q < 2; q++) covariance[p][q] += x[p] * x[q] / rows.size();
        }
        assertThat(covariance[0][0]).isCloseTo(1, within(0.01));
        assertThat(covariance[1][1]).isCloseTo(1, within(0.01));
        assertThat(covariance[0][1]).isCloseTo(0, within(0.01));
    }

    @Test
    void eigenvectorsRebuildTheMatrix() {
        SplittableRandom random = new SplittableRandom(10);
        int n = 20;
        double[][] a = new double[n][n];
        for (int i = 0; i < n; i++) for (int j = 0; j <= i; j++) a[i][j] = a[j][i] = random.nextGaussian();
        double[][] copy = new double[n][];
        for (int i = 0; i < n; i++) copy[i] = a[i].clone();
        double[][] vectors = new double[n][n];
        double[] values = Whitening.eigen(copy, vectors);
        for (int i = 0; i < n; i++) {
            for (int j = 0; j < n; j++) {
                double sum = 0;
                for (int k = 0; k < n; k++) sum += values[k] * vectors[k][i] * vectors[k][j];
                assertThat(sum).isCloseTo(a[i][j], within(1e-9));
            }
        }
    }

    private static double dot(float[] a, float[] b) {
        double sum = 0;
        for (int i = 0; i < a.length; i++) sum += (double) a[i] * b[i];
        return sum;
    }
}
