// SPDX-License-Identifier: Apache-2.0
package dev.stoa.bench;

import dev.stoa.format.Gguf;
import dev.stoa.generate.grammar.Constraint;
import dev.stoa.generate.grammar.ToolGrammar;
import dev.stoa.generate.grammar.Vocabulary;
import dev.stoa.template.dialect.Dialect;
import dev.stoa.token.GgufTokenizer;
import dev.stoa.token.Tokenizer;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/// What enforcing a tool call costs over the vocabulary of a real model: sorting it, making a form that was never used,
/// and the mask of every token of one call, in forms never used before (round after round another tool, so that nothing is
/// remembered) and again in the last one. Warm-up rounds come first: a server compiles the code once.
///
/// Arguments: a GGUF file with a vocabulary, rounds, warm-up rounds.
public final class MaskSpeed {
    private MaskSpeed() {}

    public static void main(String[] args) throws IOException {
        Tokenizer tokenizer = GgufTokenizer.parse(Gguf.inspect(Path.of(args[0])).metadata());
        int rounds = Integer.parseInt(args[1]), warm = Integer.parseInt(args[2]);
        long start = System.nanoTime();
        Vocabulary vocabulary = new Vocabulary(tokenizer);
        System.out.printf(Locale.ROOT, "%d tokens, vocabulary %.0f ms%n", tokenizer.size(), (System.nanoTime() - start) / 1e6);
        double[] forms = new double[rounds];
        double[][] fresh = new double[rounds][], again = new double[rounds][];
        for (int round = -warm; round < rounds; round++) {
            start = System.nanoTime();
            Constraint form = form(tokenizer, vocabulary, round);
            double made = (System.nanoTime() - start) / 1e6;
            double[] first = call(form, tokenizer, vocabulary, round), second = call(form, tokenizer, vocabulary, round);
            if (round < 0) continue;
            forms[round] = made;
            fresh[round] = first;
            again[round] = second;
        }
        report("forms", forms);
        report("masks of forms never used", flat(fresh));
        report("masks of forms used once", flat(again));
        report("first mask of a form", Arrays.stream(fresh).mapToDouble(one -> one[0]).toArray());
        report("slowest mask of a form never used", Arrays.stream(fresh).mapToDouble(one -> Arrays.stream(one).max().orElseThrow()).toArray());
    }

    private static Constraint form(Tokenizer tokenizer, Vocabulary vocabulary, int round) {
        Map<String, Object> text = Map.of("type", "string");
        Map<String, Object> city = object(ordered("name" + round, text, "population", Map.of("type", "integer")));
        Map<String, Object> parameters = object(ordered("cities", Map.of("type", "array", "items", city), "unit", Map.of("enum", List.of("metric", "imperial")),
                "note", text, "exact", Map.of("type", "boolean")));
        List<Object> tools = List.of(Map.of("type", "function", "function", Map.of("name", "survey_" + round, "parameters", parameters)),
                Map.of("type", "function", "function", Map.of("name", "stop_" + round)));
        return ToolGrammar.of(Dialect.HERMES, tokenizer, tools, null, true, null);
    }

    private static Map<String, Object> object(Map<String, Object> properties) {
        return Map.of("type", "object", "properties", properties, "required", List.copyOf(properties.keySet()));
    }

    private static Map<String, Object> ordered(Object... pairs) {
        Map<String, Object> map = new LinkedHashMap<>();
        for (int i = 0; i < pairs.length; i += 2) map.put((String) pairs[i], pairs[i + 1]);
        return map;
    }

    /// Milliseconds of each mask of one call.
    private static double[] call(Constraint form, Tokenizer tokenizer, Vocabulary vocabulary, int round) {
        String city = "{\"name%d\": \"Zürich, old town\", \"population\": 421878}".formatted(round);
        return masks(form, tokenizer, vocabulary, ("<tool_call>\n{\"name\": \"survey_%d\", \"arguments\": {\"cities\": [%s, %s], \"unit\": \"metric\", "
                + "\"note\": \"say \\\"hello\\\" to 世界\", \"exact\": true}}\n</tool_call>").formatted(round, city, city));
    }

    private static double[] masks(Constraint form, Tokenizer tokenizer, Vocabulary vocabulary, String text) {
        int[] ids = tokenizer.encode(text, true);
        double[] millis = new double[ids.length];
        double[] logits = new double[tokenizer.size()];
        Constraint.Cursor cursor = new Constraint.Cursor(form, vocabulary, List.of());
        for (int i = 0; i < ids.length; i++) {
            Arrays.fill(logits, 0);
            long start = System.nanoTime();
            cursor.mask(logits);
            millis[i] = (System.nanoTime() - start) / 1e6;
            if (logits[ids[i]] != 0) throw new IllegalStateException("the form forbids token " + i + " of " + text);
            cursor.accept(ids[i]);
        }
        return millis;
    }

    private static double[] flat(double[][] all) {
        return Arrays.stream(all).flatMapToDouble(Arrays::stream).toArray();
    }

    private static void report(String what, double[] millis) {
        Arrays.sort(millis);
        System.out.printf(Locale.ROOT, "%-36s N %5d  mean %6.2f  median %6.2f  p99 %6.2f  largest %6.2f ms%n", what, millis.length,
                Arrays.stream(millis).average().orElse(0), millis[millis.length / 2], millis[Math.min(millis.length - 1, millis.length * 99 / 100)], millis[millis.length - 1]);
    }
}
