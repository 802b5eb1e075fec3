// SPDX-License-Identifier: Apache-2.0
package dev.stoa.token;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.stoa.EngineFault;
import dev.stoa.FaultException;
import dev.stoa.format.Gguf;
import dev.stoa.format.Json;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.stream.Stream;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import tools.jackson.databind.JsonNode;

/// Tokenizers out of GGUF files (tools/golden/gguf_vocab.py): the ids of the same tokenizer's JSON form; and, when they
/// are there, the real vocabularies of llama.cpp.
class GgufTokenizerTest {
    private static final Path GOLDEN = Path.of("src/test/resources/golden/token");

    @TempDir
    Path folder;

    private static Tokenizer tokenizer(Path file) throws IOException {
        return GgufTokenizer.parse(Gguf.inspect(file).metadata());
    }

    @ParameterizedTest
    @ValueSource(strings = {"gpt2", "bert"})
    void idsEqualThoseOfTheJsonForm(String kind) throws IOException {
        Tokenizer tokenizer = tokenizer(GOLDEN.resolve(kind + ".vocab.gguf"));
        for (String line : Files.readAllLines(GOLDEN.resolve(kind + ".jsonl"))) {
            JsonNode row = Json.parse(line, kind, EngineFault.TOKENIZER_INVALID);
            int[] expected = row.get("special").valueStream().mapToInt(JsonNode::intValue).toArray();
            assertThat(tokenizer.encode(row.get("text").stringValue(), true)).as(line).isEqualTo(expected);
            assertThat(tokenizer.decode(expected, true)).as(line).isEqualTo(row.get("visible").stringValue());
        }
    }

    /// Kills the mutant that takes an unknown name for a default.
    @Test
    void anUnknownPreTokenizerIsAnError() throws IOException {
        byte[] bytes = Files.readAllBytes(GOLDEN.resolve("gpt2.vocab.gguf"));
        String text = new String(bytes, StandardCharsets.ISO_8859_1);
        Path odd = folder.resolve("odd.gguf");
        Files.write(odd, text.replace("gpt-2", "gpt-7").getBytes(StandardCharsets.ISO_8859_1));
        assertThatThrownBy(() -> tokenizer(odd)).isInstanceOf(FaultException.class).hasMessageContaining("unknown pre-tokenizer").hasMessageContaining("gpt-7");
    }

    @Test
    void brokenFilesEndInFaults() throws IOException {
        Random random = new Random(20261121);
        byte[] good = Files.readAllBytes(GOLDEN.resolve("bert.vocab.gguf"));
        int broken = 0;
        for (int round = 0; round < Integer.getInteger("stoa.fuzz", 400); round++) {
            byte[] bytes = good.clone();
            for (int i = 1 + random.nextInt(3); i > 0; i--) bytes[random.nextInt(bytes.length)] = (byte) random.nextInt(256);
            Path file = Files.write(folder.resolve("fuzz.gguf"), bytes);
            try {
                tokenizer(file).encode("Hello, wörld 12", true);
            } catch (FaultException refused) {
                broken++;
            }
        }
        assertThat(broken).isBetween(1, Integer.getInteger("stoa.fuzz", 400));
    }

    /// `-Dstoa.vocabularies=DIR` with ggml-vocab-*.gguf, .inp and .out of llama.cpp.
    @Test
    void realVocabularies() throws IOException {
        String folder = System.getProperty("stoa.vocabularies");
        Assumptions.assumeTrue(folder != null, "the vocabularies of llama.cpp are fetched, not committed: -Dstoa.vocabularies=DIR");
        List<String> differences = new ArrayList<>();
        int cases = 0;
        try (Stream<Path> files = Files.list(Path.of(folder))) {
            for (Path file : files.filter(path -> path.toString().endsWith(".gguf")).sorted().toList()) {
                Tokenizer tokenizer = tokenizer(file);
                if (!Files.exists(Path.of(file + ".inp"))) continue;
                String[] texts = Files.readString(Path.of(file + ".inp")).split("\n__ggml_vocab_test__\n", -1);
                List<String> lines = Files.readAllLines(Path.of(file + ".out"));
                for (int i = 0; i < lines.size(); i++) {
                    int[] expected = Arrays.stream(lines.get(i).strip().split("\\s+")).filter(id -> !id.isEmpty()).mapToInt(Integer::parseInt).toArray();
                    cases++;
                    if (!Arrays.equals(tokenizer.encode(texts[i], false), expected)) differences.add(file.getFileName() + ": <" + texts[i] + ">");
                }
            }
        }
        assertThat(differences).as("%d texts", cases).isEmpty();
        assertThat(cases).isGreaterThan(600);
    }
}
