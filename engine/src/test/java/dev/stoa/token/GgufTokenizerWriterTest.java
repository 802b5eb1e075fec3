// SPDX-License-Identifier: Apache-2.0
package dev.stoa.token;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.stoa.EngineFault;
import dev.stoa.FaultException;
import dev.stoa.format.GgufMetadata;
import dev.stoa.format.GgufValue;
import dev.stoa.format.Json;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.text.Normalizer.Form;
import java.util.ArrayList;
import java.util.Base64;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/// Tokenizers that go from tokenizer.json to GGUF and back still give the ids of the tokenizers library.
class GgufTokenizerWriterTest {
    private static final Path GOLDEN = Path.of("src/test/resources/golden/token");

    private static String json(String kind) throws IOException {
        // GGUF has no word for added tokens that are normalized; the conversion refuses a tokenizer where that matters.
        String text = Files.readString(GOLDEN.resolve(kind + ".tokenizer.json"));
        if (kind.equals("bert")) return text.replaceAll("\"max_input_chars_per_word\": ?40", "\"max_input_chars_per_word\": 100");
        return kind.equals("spm") ? text.replaceAll("\"normalized\": ?true", "\"normalized\": false") : text;
    }

    private static GgufMetadata gguf(String kind, int more) throws IOException {
        Tokenizer source = TokenizerJson.parse(json(kind));
        Map<String, GgufValue> pairs = new LinkedHashMap<>(GgufTokenizerWriter.of(json(kind), source.size() + more).pairs());
        assertThat(pairs.remove("tokenizer.huggingface.json").value()).isEqualTo(json(kind));
        return GgufMetadata.of(Path.of(kind), pairs);
    }

    @ParameterizedTest
    @ValueSource(strings = {"qwen2", "llama3", "gpt2", "trained", "o200k", "spm", "bert"})
    void idsStayThoseOfTheReference(String kind) throws IOException {
        GgufMetadata metadata = gguf(kind, 3);
        Tokenizer there = GgufTokenizer.parse(metadata);
        Tokenizer back = TokenizerJson.parse(TokenizerJsonWriter.of(metadata));
        assertThat(there.size()).isEqualTo(TokenizerJson.parse(json(kind)).size() + 3);
        int compared = 0;
        for (String line : Files.readAllLines(GOLDEN.resolve(kind + ".jsonl"))) {
            JsonNode row = Json.parse(line, kind, EngineFault.TOKENIZER_INVALID);
            String text = row.get("text").stringValue();
            if (!java.text.Normalizer.isNormalized(text, Form.NFC) || kind.equals("spm") && text.contains("</s>")) continue;
            int[] ids = new int[row.get("special").size()];
            for (int i = 0; i < ids.length; i++) ids[i] = row.get("special").get(i).asInt();
            assertThat(there.encode(text, true)).as("GGUF: <%s>", text).isEqualTo(ids);
            assertThat(back.encode(text, true)).as("back: <%s>", text).isEqualTo(ids);
            assertThat(back.decode(ids, false)).isEqualTo(row.get("decoded").stringValue());
            compared++;
        }
        assertThat(compared).isGreaterThan(70);
        assertThat(TokenizerAgreement.difference(TokenizerJson.parse(json(kind)), there)).isNull();
        assertThat(TokenizerAgreement.difference(TokenizerJson.parse(json(kind)), back)).isNull();
    }

    /// The unigram of the goldens behind an empty map of characters, which is what GGUF can say; its scores become binary32.
    @ParameterizedTest
    @ValueSource(strings = {"unigram", "unigram-bytes"})
    void unigramsGoThereAndBack(String kind) throws IOException {
        ObjectNode root = (ObjectNode) Json.parse(json(kind), kind, EngineFault.TOKENIZER_INVALID);
        ArrayNode steps = root.putObject("normalizer").put("type", "Sequence").putArray("normalizers");
        steps.addObject().put("type", "Precompiled").put("precompiled_charsmap", Base64.getEncoder().encodeToString(new byte[] {4, 0, 0, 0, 0, 0, 0, 0, 0}));
        ObjectNode replace = steps.addObject().put("type", "Replace").put("content", " ");
        replace.putObject("pattern").put("Regex", " {2,}");
        steps.addObject().put("type", "Strip").put("strip_left", true).put("strip_right", true);
        ((ObjectNode) root.get("pre_tokenizer")).put("split", true);
        String text = root.toString();
        Tokenizer source = TokenizerJson.parse(text);
        Map<String, GgufValue> pairs = new LinkedHashMap<>(GgufTokenizerWriter.of(text, source.size()).pairs());
        pairs.remove("tokenizer.huggingface.json");
        GgufMetadata metadata = GgufMetadata.of(Path.of(kind), pairs);
        assertThat(metadata.text("tokenizer.ggml.model")).isEqualTo("t5");
        assertThat(TokenizerAgreement.difference(source, GgufTokenizer.parse(metadata))).isNull();
        assertThat(TokenizerAgreement.difference(source, TokenizerJson.parse(TokenizerJsonWriter.of(metadata)))).isNull();
        for (String flag : List.of("add_space_prefix", "remove_extra_whitespaces")) {
            Map<String, GgufValue> mutant = new LinkedHashMap<>(pairs);
            mutant.put("tokenizer.ggml." + flag, GgufValue.flag(false));
            assertThat(TokenizerAgreement.difference(source, GgufTokenizer.parse(GgufMetadata.of(Path.of(flag), mutant)))).as(flag).isNotNull();
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"cased", "unigram", "words", "suffix", "merged_with_next", "contiguous"})
    void othersAreRefused(String kind) {
        assertThatThrownBy(() -> GgufTokenizerWriter.of(json(kind), 4096)).isInstanceOfSatisfying(FaultException.class,
                fault -> assertThat(fault.fault().code()).isEqualTo(EngineFault.NOT_EXPRESSIBLE));
    }

    @Test
    void anotherCutOrOrderOfMergesIsNoticed() throws IOException {
        Tokenizer source = TokenizerJson.parse(json("qwen2"));
        Map<String, GgufValue> pairs = new LinkedHashMap<>(GgufTokenizerWriter.of(json("qwen2"), source.size()).pairs());
        Map<String, GgufValue> cut = new LinkedHashMap<>(pairs);
        cut.put("tokenizer.ggml.pre", GgufValue.text("gpt-2"));
        assertThat(TokenizerAgreement.difference(source, GgufTokenizer.parse(GgufMetadata.of(Path.of("cut"), cut)))).isNotNull();
        Map<String, GgufValue> order = new LinkedHashMap<>(pairs);
        List<String> merges = new ArrayList<>();
        for (int i = 0; i < pairs.get("tokenizer.ggml.merges").size(); i++) {
            merges.add(((List<?>) pairs.get("tokenizer.ggml.merges").value()).get(i).toString());
        }
        Collections.reverse(merges);
        order.put("tokenizer.ggml.merges", GgufValue.texts(merges));
        assertThat(TokenizerAgreement.difference(source, GgufTokenizer.parse(GgufMetadata.of(Path.of("order"), order)))).isNotNull();
    }

    @Test
    void aRowlessTokenIsRefused() {
        assertThatThrownBy(() -> GgufTokenizerWriter.of(json("gpt2"), 10)).hasMessageContaining("no row");
    }
}
