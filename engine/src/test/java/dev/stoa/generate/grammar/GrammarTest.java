// SPDX-License-Identifier: Apache-2.0
package dev.stoa.generate.grammar;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.stoa.EngineFault;
import dev.stoa.FaultException;
import dev.stoa.format.Json;
import dev.stoa.template.dialect.Block;
import dev.stoa.template.dialect.Dialect;
import dev.stoa.template.dialect.Output;
import dev.stoa.template.dialect.OutputParser;
import dev.stoa.template.dialect.ReasoningMode;
import dev.stoa.template.dialect.ToolTypes;
import dev.stoa.token.BpeTrainer;
import dev.stoa.token.Tokenizer;
import dev.stoa.token.TokenizerJson;
import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

class GrammarTest {
    private static final String SCHEMA = """
            {"type":"object","required":["city","days"],"properties":{"city":{"type":"string"},"days":{"type":"integer"},"unit":{"type":"string",
             "enum":["C","F"]},"more":{"type":["object","null"],"required":["x"],"properties":{"x":{"type":"number"},"y":{"type":"array",
             "items":{"type":"boolean"},"minItems":1,"maxItems":3}}}}}""";
    private static final List<String> SPECIALS = List.of("<end>", "<|tool_call>", "<tool_call|>", "<|\"|>", "<|channel|>", "<|constrain|>", "<|message|>");
    private static final Tokenizer TOKENIZER = TokenizerJson.parse(BpeTrainer.train(List.of(
            "{\"name\": \"weather\", \"arguments\": {\"city\": \"Zürich\", \"days\": 2}} <tool_call> true false null the answer"), 330, SPECIALS));

    private static Object plain(String json) {
        return JsonMapper.shared().readValue(json, Object.class);
    }

    private static Grammar of(String schema) {
        GrammarBuilder builder = new GrammarBuilder();
        int start = builder.rule();
        Object root = plain(schema);
        builder.define(start, new JsonGrammar(builder, root, true).value(root, "#"));
        return builder.build();
    }

    private static boolean accepts(Grammar grammar, String text) {
        return grammar.accepts(text.getBytes(StandardCharsets.UTF_8));
    }

    @Test
    void schemasDecideWhatIsJson() {
        Grammar grammar = of(SCHEMA);
        for (String good : new String[] {"{\"city\":\"Zürich 😀\",\"days\":0}", "{\"city\": \"\\u00e9\\n\", \"days\": -12, \"unit\": \"C\"}",
            "{\"city\":\"\",\"days\":1,\"more\":null}", "{\"city\":\"a\",\"days\":1,\"unit\":\"F\",\"more\":{\"x\":-0.5e+3,\"y\":[true, false]}}"}) {
            assertThat(accepts(grammar, good)).as(good).isTrue();
        }
        for (String bad : new String[] {"{}", "{\"city\":\"a\"}", "{\"days\":1,\"city\":\"a\"}", "{\"city\":\"a\",\"days\":1.5}", "{\"city\":\"a\",\"days\":01}",
            "{\"city\":\"a\",\"days\":1,\"unit\":\"K\"}", "{\"city\":\"a\",\"days\":1,}", "{\"city\":\"a\",\"days\":1,\"more\":{\"y\":[true]}}",
            "{\"city\":\"a\",\"days\":1,\"more\":{\"x\":1,\"y\":[]}}", "{\"city\":\"a\",\"days\":1,\"more\":{\"x\":1,\"y\":[true,true,true,true]}}",
            "{\"city\":\"\n\",\"days\":1}", "{\"city\":\"\\ud800\",\"days\":1}", "{\"city\":\"a\",\"days\":1,\"else\":1}", "{\"city\":\"a\",\"days\":1}x"}) {
            assertThat(accepts(grammar, bad)).as(bad).isFalse();
        }
        assertThat(grammar.allowsPrefix("{\"city\":\"a\",\"d".getBytes(StandardCharsets.UTF_8))).isTrue();
        assertThat(grammar.allowsPrefix("{\"city\":\"a\",\"u".getBytes(StandardCharsets.UTF_8))).isFalse();
        assertThat(grammar.allowsPrefix(new byte[] {'{', '"', 'c', 'i', 't', 'y', '"', ':', '"', (byte) 0xC0})).isFalse();
    }

    @Test
    void referencesMayRecurAndUnknownConstraintsAreNamed() {
        Grammar tree = of("{\"$ref\":\"#/$defs/node\",\"$defs\":{\"node\":{\"type\":\"object\",\"required\":[\"kids\"],\"properties\":{\"kids\":"
                + "{\"type\":\"array\",\"items\":{\"$ref\":\"#/$defs/node\"}}}}}}");
        assertThat(accepts(tree, "{\"kids\":[{\"kids\":[]}, {\"kids\":[{\"kids\":[]}]}]}")).isTrue();
        assertThat(accepts(tree, "{\"kids\":[{\"kids\":1}]}")).isFalse();
        assertThatThrownBy(() -> of("{\"type\":\"object\",\"properties\":{\"a\":{\"type\":\"string\",\"pattern\":\"x+\"}}}")).isInstanceOf(FaultException.class)
                .hasMessageContaining("#/properties/a/pattern");
        assertThatThrownBy(() -> of("{\"$ref\":\"#/nowhere\"}")).hasMessageContaining("$ref");
        // Deep nesting costs memory in proportion to its depth, not to its power.
        String deep = "{\"type\":\"integer\"}";
        for (int i = 0; i < 40; i++) deep = "{\"type\":\"object\",\"properties\":{\"a\":" + deep + ",\"b\":{\"type\":\"null\"}}}";
        assertThat(accepts(of(deep), "{\"b\":null}")).isTrue();
    }

    /// The mask is what trying every token says, in every state of a random walk.
    @ParameterizedTest
    @ValueSource(longs = {1, 2, 3})
    void masksAreWhatTryingEveryTokenSays(long seed) {
        Grammar grammar = of(SCHEMA);
        Vocabulary vocabulary = new Vocabulary(TOKENIZER);
        Random random = new Random(seed);
        Grammar.State state = grammar.start();
        for (int step = 0; step < 120 && !state.ended(); step++) {
            BitSet mask = vocabulary.mask(state);
            List<Integer> allowed = new ArrayList<>();
            for (int id = 0; id < TOKENIZER.size(); id++) {
                boolean goes = !TOKENIZER.isSpecial(id) && TOKENIZER.bytes(id).length > 0 && !vocabulary.after(state, id).dead();
                assertThat(mask.get(id)).as("token %d after %d steps", id, step).isEqualTo(goes);
                if (goes) allowed.add(id);
            }
            if (allowed.isEmpty()) break;
            state = vocabulary.after(state, allowed.get(random.nextInt(allowed.size())));
        }
    }

    /// A vocabulary that holds what real ones hold and a small one does not: cut characters, overlong and surrogate bytes,
    /// wide characters beside quotes, controls, every byte. In every state on the way through a call the mask is what trying
    /// every token says; kills a split that takes broken UTF-8 or the quote for part of a string, or forgets a neighbor.
    @Test
    void wideAndBrokenTokensAreMaskedAsTryingThemSays() {
        List<byte[]> tokens = new ArrayList<>();
        for (int b = 0; b < 256; b++) tokens.add(new byte[] {(byte) b});
        Random random = new Random(9);
        String[] parts = {"a", "Z", " ", "\"", "\\", "\n", "é", "ß", "世", "界", "\ud83d\ude00", "\uffff", "\u0800", "{", "}", ":", ",", "0", "\u007f", "n", "u00", "\u07ff"};
        for (int i = 0; i < 1500; i++) {
            ByteArrayOutputStream token = new ByteArrayOutputStream();
            for (int n = 1 + random.nextInt(4); n > 0; n--) token.writeBytes(parts[random.nextInt(parts.length)].getBytes(StandardCharsets.UTF_8));
            byte[] bytes = token.toByteArray();
            tokens.add(random.nextInt(3) == 0 ? java.util.Arrays.copyOfRange(bytes, random.nextInt(bytes.length), bytes.length) : bytes);
            if (random.nextInt(4) == 0) tokens.add(java.util.Arrays.copyOf(bytes, 1 + random.nextInt(bytes.length)));
        }
        for (int[] odd : new int[][] {{0xC0, 0x80}, {0xE0, 0x80, 0x80}, {0xED, 0xA0, 0x80}, {0xF4, 0x90, 0x80, 0x80}, {0xF5, 0x80, 0x80, 0x80}, {0x80}, {0xE4, 0xB8}, {0x61, 0xE4}, {0x96, 0x22}}) {
            byte[] bytes = new byte[odd.length];
            for (int i = 0; i < odd.length; i++) bytes[i] = (byte) odd[i];
            tokens.add(bytes);
        }
        ByteTokens tokenizer = new ByteTokens(tokens);
        Vocabulary vocabulary = new Vocabulary(tokenizer);
        String[] texts = {"{\"city\": \"Z\u00fcrich \u4e16\\\"x\", \"days\": 3}", "{\"city\": \"\ud83d\ude00\", \"days\": 12, \"tags\": [\"a\"]}", "\"a\u4e16\\n \ud83d\ude00\""};
        for (Grammar grammar : List.of(of("{\"type\":\"object\"}"), of("{\"type\":\"string\"}"))) {
            for (String text : texts) {
                Grammar.State state = grammar.start();
                for (byte b : text.getBytes(StandardCharsets.UTF_8)) {
                    BitSet mask = vocabulary.mask(state);
                    for (int id = 0; id < tokens.size(); id++) {
                        assertThat(mask.get(id)).as("token %d %s before %d of %s", id, java.util.Arrays.toString(tokens.get(id)), b, text)
                                .isEqualTo(!vocabulary.after(state, id).dead());
                    }
                    Grammar.State next = state.after(b);
                    if (next.dead()) break;
                    state = next;
                }
            }
        }
    }

    /// A tokenizer of which only the tokens' bytes are asked.
    private record ByteTokens(List<byte[]> tokens) implements Tokenizer {
        @Override
        public int size() {
            return tokens.size();
        }

        @Override
        public byte[] bytes(int id) {
            return tokens.get(id);
        }

        @Override
        public boolean isSpecial(int id) {
            return false;
        }

        @Override
        public int[] encode(String text, boolean special) {
            throw new UnsupportedOperationException();
        }

        @Override
        public String decode(int[] ids, boolean keepSpecial) {
            throw new UnsupportedOperationException();
        }

        @Override
        public int id(String token) {
            throw new UnsupportedOperationException();
        }
    }

    static List<Dialect> dialects() {
        return List.of(Dialect.HERMES, Dialect.QWEN_CODER, Dialect.LLAMA3, Dialect.GEMMA4, Dialect.MINIMAX_M2, Dialect.GENERIC, Dialect.GPT_OSS);
    }

    /// Whatever the model wants to say, what comes out is a call that the dialect's parser reads, with the right name and
    /// arguments of the schema. Random logits; short texts because the end is likely wherever it may come.
    @ParameterizedTest
    @MethodSource("dialects")
    void everyAnswerIsAReadableCall(Dialect dialect) {
        List<Object> tools = List.of(plain("{\"type\":\"function\",\"function\":{\"name\":\"weather\",\"parameters\":" + SCHEMA + "}}"),
                plain("{\"type\":\"function\",\"function\":{\"name\":\"stop\"}}"));
        ToolTypes types = ToolTypes.of(Json.parse(JsonMapper.shared().writeValueAsString(tools), "tools", EngineFault.OUT_OF_RANGE));
        Grammar schema = of(SCHEMA);
        int finished = 0;
        for (int seed = 0; seed < 24; seed++) {
            String only = seed % 2 == 0 ? "weather" : null;
            Block opened = dialect.reasoning().isEmpty() || seed % 4 > 1 ? null : dialect.reasoning().getFirst();
            String text = generate(ToolGrammar.of(dialect, TOKENIZER, tools, only, true, opened), opened, seed);
            if (text == null) continue;
            finished++;
            OutputParser parser = new OutputParser(dialect, opened, ReasoningMode.HIDE, types, new Random(1));
            List<Output> outputs = new ArrayList<>(parser.push(text));
            outputs.addAll(parser.finish());
            String name = null;
            StringBuilder arguments = new StringBuilder();
            for (Output output : outputs) {
                assertThat(output).as(text).isNotInstanceOf(Output.ToolParseError.class);
                if (output instanceof Output.Text visible) assertThat(visible.raw()).as(text).isBlank();
                if (output instanceof Output.Tool tool) {
                    if (tool.delta().name() != null) name = tool.delta().name();
                    arguments.append(tool.delta().argumentsFragment());
                }
            }
            assertThat(name).as(text).isIn(only == null ? List.of("weather", "stop") : List.of("weather"));
            JsonNode value = JsonMapper.shared().readTree(arguments.toString());
            assertThat(value.isObject()).isTrue();
            if (name.equals("weather") && dialect != Dialect.GEMMA4) {
                assertThat(accepts(schema, arguments.toString())).as(arguments.toString()).isTrue();
            }
            if (name.equals("weather")) assertThat(value.get("days").isIntegralNumber()).as(text).isTrue();
        }
        assertThat(finished).as("answers that came to their end").isGreaterThan(8);
    }

    /// One answer over random logits in which quotes, braces and digits' ends are likely, or null when it does not end.
    private static String generate(Constraint form, Block opened, long seed) {
        Vocabulary vocabulary = new Vocabulary(TOKENIZER);
        int end = TOKENIZER.id("<end>");
        Constraint.Cursor cursor = new Constraint.Cursor(form, vocabulary, List.of(end));
        Random random = new Random(seed);
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        int[] thinking = opened == null ? new int[0] : TOKENIZER.encode("hm {\"a\": 1}" + opened.close(), true);
        for (int step = 0; step < 400; step++) {
            double[] logits = new double[TOKENIZER.size() + 5];
            for (int id = 0; id < logits.length; id++) logits[id] = random.nextGaussian();
            for (int id = 0; id < TOKENIZER.size(); id++) {
                boolean ends = !TOKENIZER.isSpecial(id) && TOKENIZER.bytes(id).length > 0 && "\"}<]\n/".indexOf(TOKENIZER.bytes(id)[0]) >= 0;
                logits[id] += TOKENIZER.isSpecial(id) ? 4 : ends ? 2 : 0;
            }
            if (step < thinking.length) logits[thinking[step]] = 100;
            cursor.mask(logits);
            int best = 0;
            for (int id = 0; id < logits.length; id++) if (logits[id] > logits[best]) best = id;
            assertThat(logits[best]).isGreaterThan(Double.NEGATIVE_INFINITY);
            if (step < thinking.length) assertThat(best).isEqualTo(thinking[step]);
            if (best == end) break;
            bytes.writeBytes(TOKENIZER.bytes(best));
            cursor.accept(best);
            if (cursor.complete()) return bytes.toString(StandardCharsets.UTF_8);
        }
        return null;
    }

    @Test
    void namesThatAreNotThereAndDialectsWithoutCallsAreRefused() {
        List<Object> tools = List.of(plain("{\"type\":\"function\",\"function\":{\"name\":\"weather\"}}"));
        assertThatThrownBy(() -> ToolGrammar.of(Dialect.HERMES, TOKENIZER, tools, "other", true, null)).hasMessageContaining("other");
        assertThatThrownBy(() -> ToolGrammar.of(Dialect.NONE, TOKENIZER, tools, null, true, null)).hasMessageContaining("none");
        assertThat(ToolGrammar.of(Dialect.HERMES, TOKENIZER, tools, null, false, null).grammar().accepts(
                "<tool_call>\n{\"name\": \"weather\", \"arguments\": {}}\n</tool_call>\n<tool_call>\n{\"name\": \"weather\", \"arguments\": {\"x\": [1]}}\n</tool_call>"
                        .getBytes(StandardCharsets.UTF_8))).isTrue();
    }
}
