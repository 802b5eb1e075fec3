// SPDX-License-Identifier: Apache-2.0
package dev.stoa.template.dialect;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import tools.jackson.databind.json.JsonMapper;

/// Answers of every dialect: what is visible, what is reasoning, which calls; and the same however the stream is cut.
class OutputParserTest {
    private static final ToolTypes TYPES = ToolTypes.of(JsonMapper.shared().readTree("""
            [{"type": "function", "function": {"name": "f", "parameters": {"type": "object", "properties": {
              "city": {"type": "string"}, "n": {"type": "integer"}, "on": {"type": "boolean"}, "opts": {"type": "object"},
              "maybe": {"type": ["string", "null"]}}}}}]"""));

    /// One answer and what it means; calls as `name arguments`.
    record Case(Dialect dialect, String raw, String text, String reasoning, List<String> calls, int errors) {}

    private static Case of(Dialect dialect, String raw, String text, String reasoning, String... calls) {
        return new Case(dialect, raw, text, reasoning, List.of(calls), 0);
    }

    private static Case broken(Dialect dialect, String raw, String text) {
        return new Case(dialect, raw, text, "", List.of(), 1);
    }

    static Stream<Case> cases() {
        Dialect hermes = Dialect.HERMES;
        Dialect coder = Dialect.QWEN_CODER;
        return Stream.of(
                of(hermes, "plain < text <th", "plain < text <th", ""),
                of(hermes, "<think>\nhm 日本 👩🏽‍🚀\n</think>\n\nyes", "\n\nyes", "\nhm 日本 👩🏽‍🚀\n"),
                of(hermes, "<think>a<think>b</think>c", "c", "a<think>b"),
                of(hermes, "x</think>y<|im_end|>", "xy", ""),
                of(hermes, "go <tool_call>\n{\"name\": \"f\", \"arguments\": {\"city\": \"Zürich \\\"}</tool_call>\", \"n\": [1, {\"a\": null}]}}\n</tool_call> ok",
                        "go  ok", "", "f {\"city\":\"Zürich \\\"}</tool_call>\",\"n\":[1,{\"a\":null}]}"),
                of(hermes, "<tool_call>{\"name\":\"f\",\"arguments\":\"{\\\"n\\\":1}\"}</tool_call>\n<tool_call>{\"name\":\"g\",\"arguments\":{}}</tool_call>",
                        "\n", "", "f {\"n\":1}", "g {}"),
                of(hermes, "<think>a<tool_call>{\"name\":\"f\",\"arguments\":{}}</tool_call>b", "b", "a", "f {}"),
                broken(hermes, "<tool_call>{\"name\": \"f\", \"argu", "{\"name\": \"f\", \"argu"),
                broken(hermes, "a<tool_call>{name: f}</tool_call>b", "a{name: f}b"),
                broken(hermes, "<tool_call>\"f\"<|im_end|></tool_call>", "\"f\""),
                of(coder, "hm</think>x<tool_call>\n<function=f>\n<parameter=city>\n\"New\nYork\" </parameter> x\n</parameter>\n<parameter=n>\n5\n</parameter>\n"
                        + "<parameter=on>\nTrue\n</parameter>\n<parameter=maybe>\nnull\n</parameter>\n</function>\n</tool_call>",
                        "hmx", "", "f {\"city\":\"\\\"New\\nYork\\\" </parameter> x\",\"n\":5,\"on\":true,\"maybe\":null}"),
                of(coder, "<function=f><parameter=opts>{\"a\": [1]}</parameter><parameter=other>7</parameter></function>", "", "",
                        "f {\"opts\":{\"a\":[1]},\"other\":\"7\"}"),
                broken(coder, "<tool_call>\n<function=f>\n<parameter=n>\n5", "\n<function=f>\n<parameter=n>\n5".replace("<function=", "")),
                of(Dialect.LLAMA3, "{\"name\": \"f\", \"parameters\": {\"n\": \"1\"}}", "", "", "f {\"n\":\"1\"}"),
                of(Dialect.LLAMA3, "<|python_tag|>{\"name\": \"f\", \"parameters\": {}}; {\"name\": \"g\", \"parameters\": {}}<|eom_id|>", "", "", "f {}", "g {}"),
                of(Dialect.LLAMA3, " {\"a\": 1} is JSON", " {\"a\": 1} is JSON", ""),
                of(Dialect.LLAMA3, "text {\"name\": \"f\", \"parameters\": {}}", "text {\"name\": \"f\", \"parameters\": {}}", ""),
                of(Dialect.GEMMA4, "<|channel>thought\nhm\n<channel|>yes<|tool_call>call:f{city:<|\"|>a,{b}<|\"|>,n:-2,opts:{x:[1,2.5,{y:<|\"|>z<|\"|>}],ok:true,no:null}}<tool_call|><turn|>",
                        "yes", "hm\n", "f {\"city\":\"a,{b}\",\"n\":-2,\"opts\":{\"x\":[1,2.5,{\"y\":\"z\"}],\"ok\":true,\"no\":null}}"),
                broken(Dialect.GEMMA4, "<|tool_call>call:f{city:<|\"|>a<tool_call|>", "call:f{city:<|\"|>a"),
                of(Dialect.MINIMAX_M2, "<think>q</think>\n<minimax:tool_call>\n<invoke name=\"f\">\n<parameter name=\"city\">Ü</parameter>\n<parameter name=\"n\">3</parameter>\n</invoke>\n"
                        + "<invoke name=\"g\">\n</invoke>\n</minimax:tool_call>", "\n", "q", "f {\"city\":\"Ü\",\"n\":3}", "g {}"),
                of(Dialect.GPT_OSS, "<|channel|>analysis<|message|>think<|end|><|start|>assistant<|channel|>commentary to=functions.f <|constrain|>json<|message|>{\"n\": 1}<|call|>",
                        "", "think", "f {\"n\": 1}"),
                of(Dialect.GPT_OSS, "<|channel|>commentary<|message|>First.<|end|><|start|>assistant<|channel|>final<|message|>Done<|return|>", "First.Done", ""),
                of(Dialect.GENERIC, "<reasoning>r</reasoning>a<analysis>s</analysis>", "a", "rs"),
                of(Dialect.NONE, "<think>x</think>", "<think>x</think>", ""));
    }

    private static List<Output> parse(Case item, ReasoningMode mode, int... cuts) {
        OutputParser parser = new OutputParser(item.dialect, null, mode, TYPES, new Random(1));
        List<Output> all = new ArrayList<>();
        int at = 0;
        for (int cut : cuts) {
            all.addAll(parser.push(item.raw.substring(at, cut)));
            at = cut;
        }
        all.addAll(parser.push(item.raw.substring(at)));
        all.addAll(parser.finish());
        return all;
    }

    private static String joined(List<Output> outputs, Class<? extends Output> kind) {
        StringBuilder text = new StringBuilder();
        outputs.stream().filter(kind::isInstance).forEach(output -> text.append(output.raw()));
        return text.toString();
    }

    private static List<String> calls(List<Output> outputs) {
        List<StringBuilder> calls = new ArrayList<>();
        for (Output output : outputs) {
            if (!(output instanceof Output.Tool tool)) continue;
            if (tool.delta().name() != null) {
                assertThat(tool.delta().id()).matches("call_[a-zA-Z0-9]{24}");
                assertThat(tool.delta().index()).isEqualTo(calls.size());
                calls.add(new StringBuilder(tool.delta().name()).append(' '));
            }
            calls.get(tool.delta().index()).append(tool.delta().argumentsFragment());
        }
        return calls.stream().map(StringBuilder::toString).toList();
    }

    private static void check(Case item, List<Output> outputs, String how) {
        assertThat(joined(outputs, Output.class)).as("raw of <%s> %s", item.raw, how).isEqualTo(item.raw);
        assertThat(joined(outputs, Output.Text.class)).as("text of <%s> %s", item.raw, how).isEqualTo(item.text);
        assertThat(joined(outputs, Output.Reasoning.class)).as("reasoning of <%s> %s", item.raw, how).isEqualTo(item.reasoning);
        assertThat(calls(outputs)).as("calls of <%s> %s", item.raw, how).isEqualTo(item.calls);
        assertThat(outputs.stream().filter(Output.ToolParseError.class::isInstance)).as("errors of <%s> %s", item.raw, how).hasSize(item.errors);
    }

    @ParameterizedTest
    @MethodSource("cases")
    void splitAnywhereEqualsWhole(Case given) {
        // a bare function tag inside a broken block is a control token too: it is not visible
        Case item = given;
        check(item, parse(item, ReasoningMode.CAPTURE), "as a whole");
        for (int cut = 0; cut <= item.raw.length(); cut++) {
            check(item, parse(item, ReasoningMode.CAPTURE, cut), "cut at " + cut);
        }
        int[] everywhere = java.util.stream.IntStream.range(1, item.raw.length()).toArray();
        check(item, parse(item, ReasoningMode.CAPTURE, everywhere), "character by character");
        String shown = joined(parse(item, ReasoningMode.SHOW), Output.Text.class);
        assertThat(shown.length()).isGreaterThanOrEqualTo(item.text.length());
    }

    @Test
    void randomMixesLoseNothingAndLeakNothing() {
        Random random = new Random(20261121);
        for (Dialect dialect : Dialect.all()) {
            List<String> parts = new ArrayList<>(dialect.markers());
            parts.addAll(List.of("text ", "{\"name\": \"f\", \"arguments\": {}}", "\n", "<", "ü", "\"", "<function=f></function>", "call:f{}", "<|", "👩"));
            for (int round = 0; round < 400; round++) {
                StringBuilder raw = new StringBuilder();
                for (int i = random.nextInt(12); i > 0; i--) {
                    String part = parts.get(random.nextInt(parts.size()));
                    raw.append(random.nextInt(6) == 0 ? part.substring(0, random.nextInt(part.length() + 1)) : part);
                }
                Case item = new Case(dialect, raw.toString(), null, null, null, 0);
                List<Output> whole = parse(item, ReasoningMode.CAPTURE);
                assertThat(joined(whole, Output.class)).isEqualTo(item.raw);
                for (Output output : whole) {
                    if (!(output instanceof Output.Text text)) continue;
                    for (String marker : dialect.markers()) assertThat(text.raw()).as("%s in <%s>", dialect.name(), item.raw).doesNotContain(marker);
                }
                int[] cuts = random.ints(3, 0, item.raw.length() + 1).sorted().toArray();
                List<Output> split = parse(item, ReasoningMode.CAPTURE, cuts);
                assertThat(joined(split, Output.Text.class)).as("<%s>", item.raw).isEqualTo(joined(whole, Output.Text.class));
                assertThat(joined(split, Output.Reasoning.class)).isEqualTo(joined(whole, Output.Reasoning.class));
                assertThat(calls(split)).isEqualTo(calls(whole));
            }
        }
    }

    @Test
    void countsWhatWentWrong() {
        OutputParser parser = new OutputParser(Dialect.HERMES, null, ReasoningMode.HIDE, TYPES, new Random(1));
        parser.push("a</think><think>b<tool_call>{}</tool_call><think>c");
        parser.finish();
        assertThat(parser.strayControlTokens()).isEqualTo(1);
        assertThat(parser.nestedBlocks()).isEqualTo(1);
        assertThat(parser.thinkingTruncated()).isTrue();
    }

    @Test
    void promptMayLeaveReasoningOpen() {
        Dialect qwen = Dialect.of("qwen3_5_moe");
        Block open = qwen.opened("<|im_start|>user\n<think>?<|im_end|>\n<|im_start|>assistant\n<think>\n");
        assertThat(open).isEqualTo(new Block("<think>", "</think>"));
        assertThat(qwen.opened("<|im_start|>user\n<think>?<|im_end|>\n<|im_start|>assistant\n")).isNull();
        assertThat(qwen.opened("<|im_start|>assistant\n<think>\n\n</think>\n\n")).isNull();
        OutputParser parser = new OutputParser(qwen, open, ReasoningMode.CAPTURE, TYPES, new Random(1));
        List<Output> all = new ArrayList<>(parser.push("so\n</think>\n\nyes"));
        all.addAll(parser.finish());
        assertThat(joined(all, Output.Reasoning.class)).isEqualTo("so\n");
        assertThat(joined(all, Output.Text.class)).isEqualTo("\n\nyes");
        for (Dialect dialect : Dialect.all()) assertThat(Dialect.of(dialect.name())).isSameAs(dialect);
    }

    @Test
    void longCallsTakeLinearTime() {
        OutputParser parser = new OutputParser(Dialect.HERMES, null, ReasoningMode.HIDE, TYPES, new Random(1));
        parser.push("<tool_call>{\"name\": \"f\", \"arguments\": {\"city\": \"");
        for (int i = 0; i < 200_000; i++) parser.push("abc ");
        List<Output> all = parser.push("\"}}</tool_call>");
        assertThat(calls(all).getFirst()).hasSize(2 + 800_000 + 11);
    }
}
