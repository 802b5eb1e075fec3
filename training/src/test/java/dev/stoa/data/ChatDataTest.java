// SPDX-License-Identifier: Apache-2.0
package dev.stoa.data;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.stoa.template.ChatTemplate;
import dev.stoa.token.BpeTrainer;
import dev.stoa.token.Tokenizer;
import dev.stoa.token.TokenizerJson;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// Rows become samples whose weights lie exactly on what the assistant says, and bad rows are named, not swallowed.
class ChatDataTest {
    private static final Tokenizer TOKENIZER = TokenizerJson.parse(BpeTrainer.train(
            List.of("one two three", "four five six", "question answer"), 290, List.of("<|end|>", "<|user|>", "<|assistant|>", "<|system|>")));
    private static final String APPENDING = "{% for m in messages %}<|{{ m.role }}|>{{ m.content }}<|end|>\n{% endfor %}"
            + "{% if add_generation_prompt %}<|assistant|>{% endif %}";
    private static final String BLOCKS = "{% for m in messages %}<|{{ m.role }}|>{% if m.role == 'assistant' %}{% generation %}"
            + "{{ m.content }}<|end|>{% endgeneration %}\n{% else %}{{ m.content }}<|end|>\n{% endif %}{% endfor %}"
            + "{% if add_generation_prompt %}<|assistant|>{% endif %}";
    private static final String REWRITING = "{% for m in messages %}<|{{ m.role }}|>{{ m.content if loop.last else '…' }}<|end|>{% endfor %}"
            + "{% if add_generation_prompt %}<|assistant|>{% endif %}";
    private static final String FIVE = "{\"messages\":[{\"role\":\"system\",\"content\":\"six\"},{\"role\":\"user\",\"content\":\"one\"},"
            + "{\"role\":\"assistant\",\"content\":\"two\"},{\"role\":\"user\",\"content\":\"three é\"},{\"role\":\"assistant\",\"content\":\"four é\"}]}";
    @TempDir
    Path directory;

    private TrainingData read(String template, ChatData.Options options, String... lines) throws IOException {
        Path file = directory.resolve("rows.jsonl");
        Files.writeString(file, String.join("\n", lines));
        return ChatData.read(file, TOKENIZER, template == null ? null : ChatTemplate.parse(template), Map.of(), options);
    }

    private ChatData.Options strict(int maxTokens) {
        return new ChatData.Options(maxTokens, null, -1, false);
    }

    private ChatData.Options skipping() {
        return new ChatData.Options(256, directory.resolve("rejected.jsonl"), -1, false);
    }

    /// The trained tokens as one text.
    private static String learned(Example example) {
        List<Integer> ids = new ArrayList<>();
        for (int i = 0; i < example.length(); i++) if (example.weights()[i] > 0) ids.add(example.ids()[i]);
        return TOKENIZER.decode(ids.stream().mapToInt(Integer::intValue).toArray(), false);
    }

    @Test
    void trainsEveryAssistantTurnWithItsEndTokenAndNothingElse() throws IOException {
        for (String template : List.of(APPENDING, BLOCKS)) {
            Example example = read(template, strict(256), FIVE).samples().getFirst();
            assertThat(learned(example)).isEqualTo("two<|end|>four é<|end|>");
            assertThat(TOKENIZER.decode(example.ids(), false)).startsWith("<|system|>six<|end|>\n<|user|>one");
        }
    }

    /// Prompt and answer merge across their border when encoded as one text: " two" would be one token, half of it the
    /// prompt's, and the first thing learned would be what follows the answer.
    @Test
    void learnsTheTokensOfInferenceWhenAPromptEndsInASpace() throws IOException {
        for (String block : List.of("{{ m.content }}<|end|>", "{% generation %}{{ m.content }}<|end|>{% endgeneration %}")) {
            String template = "{% for m in messages %}{{ m.role }}: {% if m.role == 'assistant' %}" + block
                    + "{% else %}{{ m.content }}<|end|>{% endif %}{% endfor %}{% if add_generation_prompt %}assistant: {% endif %}";
            List<Example> samples = read(template, strict(256), FIVE).samples();
            String first = "system: six<|end|>user: one<|end|>assistant: ";
            String second = first + "two<|end|>user: three é<|end|>assistant: ";
            assertThat(samples).hasSize(2); // history has " two" as one token, the answer has not
            assertAnswers(samples.get(0), first, "two<|end|>");
            assertAnswers(samples.get(1), second, "four é<|end|>");

            int[] prompt = TOKENIZER.encode(first, true);
            int[] mutant = TOKENIZER.encode(first + "two<|end|>", true);
            assertThat(Arrays.copyOf(mutant, prompt.length)).as("encoded as one text").isNotEqualTo(prompt);
            assertThat(read(template, strict(samples.get(1).length() - 1), FIVE).cutSamples()).isOne();
        }
    }

    /// The sample is the prompt as inference encodes it, then the answer, and exactly the answer is learned.
    private static void assertAnswers(Example sample, String prompt, String answer) {
        int[] asked = TOKENIZER.encode(prompt, true);
        assertThat(Arrays.copyOf(sample.ids(), asked.length)).isEqualTo(asked);
        assertThat(TOKENIZER.decode(Arrays.copyOfRange(sample.ids(), asked.length, sample.length()), false)).isEqualTo(answer);
        for (int i = 0; i < sample.length(); i++) assertThat(sample.weights()[i]).isEqualTo(i < asked.length ? 0 : 1);
    }

    @Test
    void obeysTrainFlagsAndWeights() throws IOException {
        String row = "{\"messages\":[{\"role\":\"user\",\"content\":\"one\",\"train\":true},{\"role\":\"assistant\",\"content\":\"two\",\"train\":false},"
                + "{\"role\":\"user\",\"content\":\"three\"},{\"role\":\"assistant\",\"content\":\"four\",\"weight\":0.5}]}";
        Example example = read(APPENDING, strict(256), row).samples().getFirst();
        assertThat(learned(example)).isEqualTo("four<|end|>"); // a user turn has no place in the mask
        assertThat(example.weights()).contains(0.5f).doesNotContain(1f);
    }

    @Test
    void readsCompletionsAlpacaAndPromptLists() throws IOException {
        ChatData.Options ended = new ChatData.Options(256, null, TOKENIZER.id("<|end|>"), false);
        assertThat(learned(read(null, ended, "{\"prompt\":\"one \",\"completion\":\"two\"}").samples().getFirst())).isEqualTo("two<|end|>");
        ChatData.Options templated = new ChatData.Options(256, null, -1, true);
        Example chat = read(APPENDING, templated, "{\"prompt\":\"one\",\"completion\":\"two\"}").samples().getFirst();
        assertThat(TOKENIZER.decode(chat.ids(), false)).isEqualTo("<|user|>one<|end|>\n<|assistant|>two<|end|>\n");
        Example alpaca = read(APPENDING, strict(256), "{\"instruction\":\"one\",\"input\":\"two\",\"output\":\"three\"}").samples().getFirst();
        assertThat(TOKENIZER.decode(alpaca.ids(), false)).contains("one\ntwo<|end|>");
        assertThat(learned(alpaca)).isEqualTo("three<|end|>");
        Example lists = read(APPENDING, strict(256), "{\"prompt\":[{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"one\"}]},"
                + "{\"role\":\"assistant\",\"content\":\"five\"},{\"role\":\"user\",\"content\":\"x\"}],"
                + "\"completion\":[{\"role\":\"assistant\",\"content\":\"two\"}]}").samples().getFirst();
        assertThat(learned(lists)).isEqualTo("two<|end|>");
    }

    @Test
    void acceptsByteOrderMarkCarriageReturnsBlankLinesAndLineSeparators() throws IOException {
        TrainingData data = read(null, strict(256), "\uFEFF{\"prompt\":\"a\u2028\",\"completion\":\"b\"}\r", "", "  ", "{\"prompt\":\"c\",\"completion\":\"d\"}");
        assertThat(data.rows()).isEqualTo(2);
        assertThat(TOKENIZER.decode(data.samples().getFirst().ids(), false)).isEqualTo("a\u2028b");
    }

    @Test
    void namesLineAndColumnOfEveryBadRowAtOnce() {
        String good = "{\"prompt\":\"a\",\"completion\":\"b\"}";
        String[] lines = new String[20];
        Arrays.fill(lines, good);
        lines[16] = "{\"prompt\":\"a \"quoted\" b\",\"completion\":\"c\"}";
        lines[18] = "{\"question\":\"a\"}";
        assertThatThrownBy(() -> read(null, strict(256), lines)).hasMessageContaining("2 rows cannot be used")
                .hasMessageContaining("rows.jsonl:17:1").hasMessageContaining("rows.jsonl:19").hasMessageContaining("[question]");
    }

    @Test
    void refusesWhatItCannotLearnFrom() {
        String[][] rows = {
            {"{\"messages\":[]}", "not a list with entries"},
            {"{\"messages\":[{\"role\":\"user\",\"content\":\"a\"}]}", "no assistant message"},
            {"{\"messages\":[{\"role\":\"robot\",\"content\":\"a\"}]}", "no known role"},
            {"{\"messages\":[{\"role\":\"assistant\",\"content\":\"\"}]}", "empty"},
            {"{\"messages\":[{\"role\":\"assistant\",\"content\":null}]}", "no text content"},
            {"{\"messages\":[{\"role\":\"assistant\",\"content\":[{\"type\":\"image\"}]}]}", "not text"},
            {"{\"messages\":[{\"role\":\"assistant\",\"content\":\"a\",\"weight\":-1}]}", "weight is not a number"},
            {"{\"messages\":[{\"role\":\"user\",\"content\":\"a<|end|>\"},{\"role\":\"assistant\",\"content\":\"b\"}]}", "special token <|end|>"},
            {"{\"prompt\":\"a\",\"completion\":\"\"}", "completion is empty"},
            {"[1]", "not a JSON object"}};
        for (String[] row : rows) {
            assertThatThrownBy(() -> read(APPENDING, strict(256), row[0])).as(row[0]).hasMessageContaining(row[1]);
        }
        assertThatThrownBy(() -> read(null, strict(256), FIVE)).hasMessageContaining("needs a chat template").hasMessageContaining("next:");
        assertThatThrownBy(() -> read(REWRITING, strict(256), FIVE)).hasMessageContaining("rewrites earlier turns");
    }

    @Test
    void skipsBadRowsIntoAFileWithReasons() throws IOException {
        TrainingData data = read(APPENDING, skipping(), FIVE, "{\"bad\":1}", FIVE);
        assertThat(data.samples()).hasSize(2);
        assertThat(data.rejectedRows()).isEqualTo(1);
        assertThat(Files.readString(directory.resolve("rejected.jsonl"), StandardCharsets.UTF_8)).contains("rows.jsonl:2").contains("no known layout");
        assertThatThrownBy(() -> read(APPENDING, skipping(), "{\"bad\":1}")).hasMessageContaining("no usable row");
    }

    @Test
    void dropsTheOldestExchangeFirstAndKeepsTheSystemMessage() throws IOException {
        int whole = read(APPENDING, strict(256), FIVE).samples().getFirst().length();
        TrainingData data = read(APPENDING, strict(whole - 1), FIVE);
        assertThat(TOKENIZER.decode(data.samples().getFirst().ids(), false)).startsWith("<|system|>six<|end|>\n<|user|>three");
        assertThat(data.cutSamples()).isEqualTo(1);
    }

    @Test
    void cutsTheLastTurnWithoutAnEndTokenAndSkipsWhatIsLeftEmpty() throws IOException {
        String row = "{\"messages\":[{\"role\":\"user\",\"content\":\"a\"},{\"role\":\"assistant\",\"content\":\"qwxyz qwxyz qwxyz\"}]}";
        Example cut = read(APPENDING, strict(10), row).samples().getFirst();
        assertThat(learned(cut)).startsWith("qw").doesNotContain("<|end|>");
        assertThatThrownBy(() -> read(APPENDING, strict(4), row)).hasMessageContaining("no row has a token to learn");
    }

    @Test
    void holdsOutDisjointSamplesOnlyWhenThereAreEnough() throws IOException {
        String[] lines = new String[100];
        for (int i = 0; i < lines.length; i++) lines[i] = "{\"prompt\":\"" + i + "\",\"completion\":\"b\"}";
        TrainingData.Split split = read(null, strict(256), lines).split(1);
        assertThat(split.valid()).hasSize(20);
        assertThat(split.train()).hasSize(80).doesNotContainAnyElementsOf(split.valid());
        assertThat(read(null, strict(256), lines[0]).split(1).valid()).isEmpty();
    }
}
