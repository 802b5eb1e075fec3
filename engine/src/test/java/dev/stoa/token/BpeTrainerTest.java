// SPDX-License-Identifier: Apache-2.0
package dev.stoa.token;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;

class BpeTrainerTest {
    private static final Path GOLDEN = Path.of("src/test/resources/golden/token");
    private static final List<String> SPECIALS = List.of("<|endoftext|>", "<|im_start|>", "<|im_end|>");

    private static List<String> corpus() throws IOException {
        return Files.readAllLines(GOLDEN.resolve("corpus.txt"));
    }

    /// The file is checked in so that tokens.py can ask the reference library about it; to make it anew, write the
    /// result of this call there.
    @Test
    void sameTextsGiveTheCheckedInFileInAnyOrder() throws IOException {
        List<String> lines = new ArrayList<>(corpus());
        String json = BpeTrainer.train(lines, 420, SPECIALS);
        if (System.getProperty("stoa.rewrite") != null) Files.writeString(GOLDEN.resolve("trained.tokenizer.json"), json);
        assertThat(json).isEqualTo(Files.readString(GOLDEN.resolve("trained.tokenizer.json")));
        Collections.shuffle(lines, new Random(1));
        assertThat(BpeTrainer.train(lines, 420, SPECIALS)).isEqualTo(json);
    }

    @Test
    void specialsComeFirstThenBytesThenMerges() throws IOException {
        Tokenizer tokenizer = TokenizerJson.parse(BpeTrainer.train(corpus(), 420, SPECIALS));
        assertThat(tokenizer.size()).isEqualTo(420);
        for (int i = 0; i < 3; i++) {
            assertThat(tokenizer.id(SPECIALS.get(i))).isEqualTo(i);
            assertThat(tokenizer.isSpecial(i)).isTrue();
        }
        assertThat(tokenizer.isSpecial(3)).isFalse();
        boolean[] seen = new boolean[256];
        for (int id = 3; id < 259; id++) seen[tokenizer.bytes(id)[0] & 255] = true;
        for (boolean one : seen) assertThat(one).isTrue();
        assertThat(tokenizer.bytes(259)).hasSize(2);
        assertThat(tokenizer.encode("the story", false)).hasSizeLessThan(6);
    }

    @Test
    void countsDecideThenBytes() {
        // zz three times beats ab twice; then cd and ab tie, and a comes before c
        String json = BpeTrainer.train(List.of("zz zz zz", "ab ab"), 256 + 1, List.of());
        assertThat(json).contains("\"merges\": [\n      \"z z\"\n    ]");
        json = BpeTrainer.train(List.of("xcd", "xcd", "xab", "xab"), 256 + 1, List.of());
        assertThat(json).contains("\"merges\": [\n      \"a b\"\n    ]");
    }

    @Test
    void digitsStandAlone() {
        String json = BpeTrainer.train(List.of("2024 2024 2024 a1 a1 a1"), 300, List.of());
        Tokenizer tokenizer = TokenizerJson.parse(json);
        assertThat(tokenizer.encode("2024", false)).hasSize(4);
    }

    @Test
    void specialsAreNotLearnedAsText() {
        String json = BpeTrainer.train(List.of("<|im_end|><|im_end|><|im_end|>hello hello"), 400, SPECIALS);
        assertThat(json).doesNotContain("im_\"", "< |");
    }

    @Test
    void stopsWhenNothingRepeats() {
        assertThat(TokenizerJson.parse(BpeTrainer.train(List.of("abcdefg"), 1000, List.of())).size()).isEqualTo(256);
        assertThat(TokenizerJson.parse(BpeTrainer.train(List.of(), 1000, SPECIALS)).size()).isEqualTo(259);
    }

    @Test
    void refusesImpossibleRequests() {
        assertThatThrownBy(() -> BpeTrainer.train(List.of("a"), 258, SPECIALS)).isInstanceOf(IllegalArgumentException.class);
        assertThatThrownBy(() -> BpeTrainer.train(List.of("a"), 300, List.of("<a>", "<a>"))).isInstanceOf(IllegalArgumentException.class);
        assertThatThrownBy(() -> BpeTrainer.train(List.of("a"), 300, List.of("x"))).isInstanceOf(IllegalArgumentException.class);
    }
}
