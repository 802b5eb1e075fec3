// SPDX-License-Identifier: Apache-2.0
package dev.stoa.token;

import static org.assertj.core.api.Assertions.assertThat;

import dev.stoa.EngineFault;
import dev.stoa.format.Json;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Random;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import tools.jackson.databind.JsonNode;

/// Against ids and texts of the tokenizers library (tools/golden/tokens.py), for every kind of component.
class TokenizerGoldenTest {
    private static final Path GOLDEN = Path.of(System.getProperty("stoa.tokens", "src/test/resources/golden/token"));

    static Stream<String> kinds() throws IOException {
        try (Stream<Path> files = Files.list(GOLDEN)) {
            return files.map(file -> file.getFileName().toString()).filter(name -> name.endsWith(".jsonl"))
                    .map(name -> name.substring(0, name.length() - 6)).sorted().toList().stream();
        }
    }

    private static Tokenizer tokenizer(String kind) throws IOException {
        return TokenizerJson.parse(Files.readString(GOLDEN.resolve(kind + ".tokenizer.json")));
    }

    @ParameterizedTest
    @MethodSource("kinds")
    void idsAndTextsEqualTheReference(String kind) throws IOException {
        Tokenizer tokenizer = tokenizer(kind);
        int cases = 0;
        for (String line : Files.readAllLines(GOLDEN.resolve(kind + ".jsonl"))) {
            JsonNode row = Json.parse(line, kind, EngineFault.TOKENIZER_INVALID);
            String text = row.get("text").stringValue();
            int[] special = ints(row.get("special"));
            assertThat(tokenizer.encode(text, true)).as("%s: special ids of <%s>", kind, text).isEqualTo(special);
            assertThat(tokenizer.encode(text, false)).as("%s: plain ids of <%s>", kind, text)
                    .isEqualTo(row.has("plain") ? ints(row.get("plain")) : special);
            assertThat(tokenizer.decode(special, false)).as("%s: text of <%s>", kind, text).isEqualTo(row.get("decoded").stringValue());
            assertThat(tokenizer.decode(special, true)).as("%s: visible text of <%s>", kind, text).isEqualTo(row.get("visible").stringValue());
            assertThat(streamed(tokenizer, special, true)).isEqualTo(tokenizer.decode(special, true));
            cases++;
        }
        assertThat(cases).isGreaterThan(80);
    }

    @ParameterizedTest
    @MethodSource("kinds")
    void streamedEqualsWholeOnRandomIds(String kind) throws IOException {
        Tokenizer tokenizer = tokenizer(kind);
        Random random = new Random(5);
        for (int round = 0; round < 300; round++) {
            int[] ids = random.ints(random.nextInt(12), -1, tokenizer.size() + 1).toArray();
            boolean skip = random.nextBoolean();
            assertThat(streamed(tokenizer, ids, skip)).isEqualTo(tokenizer.decode(ids, skip));
        }
    }

    @Test
    void byteLevelGivesEveryTextBack() throws IOException {
        Random random = new Random(9);
        for (String kind : new String[] {"gpt2", "llama3", "o200k", "trained"}) {
            Tokenizer tokenizer = tokenizer(kind);
            for (int round = 0; round < 500; round++) {
                int[] points = random.ints(random.nextInt(30), 0, round % 2 == 0 ? 0x300 : 0x110000)
                        .filter(c -> c < 0xD800 || c > 0xDFFF).toArray();
                String text = new String(points, 0, points.length);
                assertThat(tokenizer.decode(tokenizer.encode(text, false), false)).isEqualTo(text);
            }
            assertThat(tokenizer.decode(tokenizer.encode("a\uD800b", false), false)).isEqualTo("a\uFFFDb");
        }
    }

    @Test
    void asciiOnlyPatternsWouldBeNoticed() throws IOException {
        // Kills the mutant that compiles patterns without UNICODE_CHARACTER_CLASS: \s would miss U+3000.
        String text = "a\u3000\u3000b";
        assertThat(PreTokenizer.parse(new dev.stoa.format.JsonFields(Json.parse("{\"type\":\"ByteLevel\",\"add_prefix_space\":false}",
                "test", EngineFault.TOKENIZER_INVALID), "test", EngineFault.TOKENIZER_INVALID)).split(text, true)
                .stream().map(word -> new String(ByteAlphabet.decode(word), StandardCharsets.UTF_8)))
                .containsExactly("a", "\u3000", "\u3000", "b");
    }

    /// The library's combining classes are those of Unicode 9: it neither reorders younger marks nor composes across them.
    @Test
    void youngMarksStayWhereTheyAre() {
        String lao = "\u0ea4\u0ecb\u0eba";
        assertThat(java.text.Normalizer.normalize(lao, java.text.Normalizer.Form.NFD)).isNotEqualTo(lao);
        for (String form : new String[] {"NFC", "NFD", "NFKC", "NFKD"}) {
            Normalizer normalizer = Normalizer.parse(new dev.stoa.format.JsonFields(Json.parse("{\"type\":\"" + form + "\"}", "test",
                    EngineFault.TOKENIZER_INVALID), "test", EngineFault.TOKENIZER_INVALID));
            assertThat(normalizer.apply(lao)).as(form).isEqualTo(lao);
            assertThat(normalizer.apply("a\u07fd\u0301")).as(form).isEqualTo("a\u07fd\u0301");
        }
    }

    private static String streamed(Tokenizer tokenizer, int[] ids, boolean skip) {
        IncrementalDecoder decoder = new IncrementalDecoder(tokenizer, skip);
        StringBuilder text = new StringBuilder();
        for (int id : ids) text.append(decoder.push(id));
        return text.append(decoder.finish()).toString();
    }

    private static int[] ints(JsonNode array) {
        int[] values = new int[array.size()];
        for (int i = 0; i < values.length; i++) values[i] = array.get(i).intValue();
        return values;
    }
}
