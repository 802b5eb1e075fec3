// SPDX-License-Identifier: Apache-2.0
package dev.stoa.token;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.stoa.EngineFault;
import dev.stoa.FaultException;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Assertions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class TokenizerJsonTest {
    private static final String GOOD = """
            {"version": "1.0", "truncation": null, "padding": null,
             "added_tokens": [{"id": 5, "content": "<s>", "single_word": false, "lstrip": false, "rstrip": false,
                               "normalized": false, "special": true}],
             "normalizer": {"type": "NFC"}, "pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": false},
             "post_processor": {"type": "ByteLevel"}, "decoder": {"type": "ByteLevel"},
             "model": {"type": "BPE", "vocab": {"a": 0, "b": 1, "c": 2, "ab": 3, "abc": 4}, "merges": ["a b", ["ab", "c"]]}}""";

    @Test
    void readsMergesInBothSpellings() {
        Tokenizer tokenizer = TokenizerJson.parse(GOOD);
        assertThat(tokenizer.encode("abcab<s>", true)).containsExactly(4, 3, 5);
        assertThat(tokenizer.size()).isEqualTo(6);
        assertThat(tokenizer.id("abc")).isEqualTo(4);
        assertThat(tokenizer.id("<s>")).isEqualTo(5);
        assertThat(tokenizer.id("nothing")).isEqualTo(-1);
        assertThat(tokenizer.decode(new int[] {4, 5, 99, -1, 0}, true)).isEqualTo("abca");
        assertThat(tokenizer.encode("", true)).isEmpty();
    }

    @Test
    void specialTokensInTextAreTextUnlessAllowed() {
        Tokenizer tokenizer = TokenizerJson.parse(GOOD);
        assertThat(tokenizer.encode("a<s>b", false)).containsExactly(0, 1);       // "<", "s", ">" are not in this vocabulary
        assertThat(tokenizer.isSpecial(5)).isTrue();
    }

    @ParameterizedTest
    @CsvSource(delimiter = '@', value = {"\"NFC\"@\"Nfx\"@unknown normalizer type@Nfx", "\"ByteLevel\", \"add_prefix@\"BertPre\", \"add_prefix@unknown pre_tokenizer type@BertPre",
            "\"decoder\": {\"type\": \"ByteLevel\"@\"decoder\": {\"type\": \"CTC\"@unknown decoder type CTC@decoder", "\"type\": \"BPE\"@\"type\": \"Trigram\"@unknown model type@Trigram",
            "\"post_processor\": {\"type\": \"ByteLevel\"@\"post_processor\": {\"type\": \"Odd\"@unknown post_processor type@Odd",
            "\"a b\"@\"a x\"@outside the vocabulary@a + x", "\"a b\"@\"a b c\"@a merge cannot be read@merges[0]", "\"abc\": 4@\"abc\": 3@share an id@= 3", "\"id\": 5@\"id\": 4@share an id@<s>",
            "\"abc\": 4@\"abc\": 4294967296@impossible id@abc", "\"abc\": 4@\"abc\": 2000000000@impossible id@2000000000", "\"abc\": 4@\"abc\": \"4\"@impossible id@abc",
            "\"<s>\", \"single@\"\", \"single@an added token is empty@added_tokens[0]", "\"special\": true@\"special\": 1@wrong kind of value@added_tokens[0].special",
            "\"merges\": [@\"merges\": 1, \"x\": [@wrong kind of value@model.merges", "\"model\": {@\"other\": {@wrong kind of value@model",
            "{\"type\": \"NFC\"}@{\"type\": \"Replace\", \"pattern\": {\"Regex\": \"(a|b)*\"}, \"content\": \"\"}@run for ever@(a|b)*",
            "{\"type\": \"NFC\"}@{\"type\": \"Replace\", \"pattern\": {\"Regex\": \"[a\"}, \"content\": \"\"}@cannot be read@[a",
            "\"type\": \"BPE\"@\"type\": \"BPE\", \"dropout\": 0.1@random merges@0.1", "\"type\": \"BPE\"@\"type\": \"BPE\", \"unk_token\": \"q\"@unknown token is not in@q",
            "\"a\": 0@\"a\": 0, \"a\": 0@not valid JSON@tokenizer.json"})
    void errorsNameTheComponent(String part, String wrong, String what, String detail) {
        assertThat(GOOD).contains(part);
        assertThatThrownBy(() -> TokenizerJson.parse(GOOD.replace(part, wrong))).isInstanceOfSatisfying(FaultException.class, problem -> {
            assertThat(problem.fault().code()).isEqualTo(EngineFault.TOKENIZER_INVALID);
            assertThat(problem.getMessage()).contains(what).contains(detail).contains("where: ");
        });
    }

    @Test
    void longWordsTakeLinearithmicTime() {
        String json = BpeTrainer.train(List.of("aaaa aaaa abab abab"), 262, List.of());
        Tokenizer tokenizer = TokenizerJson.parse(json);
        String word = "ab".repeat(500_000);
        Assertions.assertTimeoutPreemptively(Duration.ofSeconds(10), () ->
                assertThat(tokenizer.decode(tokenizer.encode(word, false), false)).isEqualTo(word));
    }

    @Test
    void threadsShareOneTokenizer() throws Exception {
        Tokenizer tokenizer = TokenizerJson.parse(BpeTrainer.train(List.of("the cat sat on the mat, the cat"), 280, List.of()));
        List<String> texts = IntStream.range(0, 2000).mapToObj(i -> "the cat " + i % 97 + " sat on mat " + Integer.toString(i * 7919, 36)).toList();
        List<int[]> expected = texts.stream().map(text -> tokenizer.encode(text, false)).toList();
        Tokenizer fresh = TokenizerJson.parse(BpeTrainer.train(List.of("the cat sat on the mat, the cat"), 280, List.of()));
        Callable<Boolean> work = () -> {
            for (int i = 0; i < texts.size(); i++) assertThat(fresh.encode(texts.get(i), false)).isEqualTo(expected.get(i));
            return true;
        };
        try (ExecutorService pool = Executors.newFixedThreadPool(4)) {
            for (Future<Boolean> done : pool.invokeAll(List.of(work, work, work, work))) assertThat(done.get()).isTrue();
        }
    }
}
