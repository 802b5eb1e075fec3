// SPDX-License-Identifier: Apache-2.0
package dev.stoa.template;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.stoa.EngineFault;
import dev.stoa.FaultException;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.time.ZoneOffset;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Assertions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class ChatTemplateTest {
    private static String render(String template) {
        return ChatTemplate.parse(template).render(Map.of(), Clock.fixed(Instant.parse("2026-03-05T07:08:09Z"), ZoneOffset.UTC)).text();
    }

    @Test
    void rendersMessagesAndMarksWhatTheAssistantWrote() {
        ChatTemplate template = ChatTemplate.parse("{% for m in messages %}<{{ m.role }}>{% if m.role == 'assistant' %}{% generation %}"
                + "{{ m.content }}</s>{% endgeneration %}{% else %}{{ m.content }}{% endif %}{% endfor %}{{ tail }}"
                + "{% if add_generation_prompt %}<assistant>{% endif %}");
        List<Message> messages = List.of(new Message("user", "é?"), new Message("assistant", "\uD83D\uDE00!"),
                new Message("user", "b"), new Message("assistant", "c"));
        Rendered rendered = template.render(messages, true, Map.of("tail", "|"));
        assertThat(rendered.text()).isEqualTo("<user>é?<assistant>\uD83D\uDE00!</s><user>b<assistant>c</s>|<assistant>");
        assertThat(rendered.assistantSpans().stream().map(span -> rendered.text().substring(span.begin(), span.end())))
                .containsExactly("\uD83D\uDE00!</s>", "c</s>");
        assertThat(template.render(messages, false, Map.of()).text()).doesNotEndWith("<assistant>");
    }

    @Test
    void raiseExceptionKeepsTheWordsOfTheTemplate() {
        assertThatThrownBy(() -> render("\n{{ raise_exception('Roles must 100% alternate') }}")).isInstanceOfSatisfying(FaultException.class, problem -> {
            assertThat(problem.fault().code()).isEqualTo(EngineFault.TEMPLATE_RAISED);
            assertThat(problem.fault().what()).isEqualTo("Roles must 100% alternate");
            assertThat(problem.fault().where()).startsWith("chat template:2:");
        });
    }

    @ParameterizedTest
    @CsvSource(delimiter = '@', quoteCharacter = '~', value = {"a{{ x. }}@1:8@name is missing", "a\\n  {% fro x in y %}@2:6@unknown tag 'fro'",
            "{% for x in [1] %}@1:19@not closed", "{{ 'abc@1:4@string is not closed", "{{ 1 $ 2 }}@1:6@unexpected character '$'",
            "{{ (1] }}@1:6@unexpected ']'", "{# x@1:1@comment is not closed", "{% break %}@1:4@outside of a loop",
            "{{ x | nope }}@1:8@unknown filter 'nope'", "{{ x is nope }}@1:9@unknown test", "{% set 1 = 2 %}@1:8@expected name",
            "{% raw %} x@1:1@raw block", "{% endif %}@1:4@unknown tag", "{{ a.b.c }}@1:6@'a' is undefined",
            "x\\n{{ 'a' + 1 }}@2:8@str + int is not possible", "{{ none.x.y }}@1:11@no attribute 'x'", "{{ 1 // 0 }}@1:6@division by zero",
            "{{ [1]|tojson(depth=2) }}@1:8@does not know", "{{ 'x'.nope() }}@1:12@no attribute 'nope'", "{{ 2 ** 99999 }}@1:6@grows beyond",
            "{{ [].append(1) }}@1:13@no attribute 'append'", "{% for a, b in [1] %}{% endfor %}@1:4@cannot be iterated"})
    void errorsHaveAPlace(String template, String place, String what) {
        assertThatThrownBy(() -> render(template.replace("\\n", "\n"))).isInstanceOf(FaultException.class)
                .hasMessageContaining("template_invalid").hasMessageContaining("chat template:" + place + ";").hasMessageContaining(what);
    }

    @ParameterizedTest
    @ValueSource(strings = {
        "{% for i in range(100000) %}{% for j in range(100000) %}{% endfor %}{% endfor %}",
        "{% for i in range(90000) %}{{ 'x' * 1000 }}{% endfor %}",
        "{{ 'x' * 9999999999 }}",
        "{{ [0] * 9223372036854775807 }}",
        "{% set ns = namespace(l=[1]) %}{% for i in range(99) %}{% set ns.l = ns.l + ns.l %}{% endfor %}",
        "{% set ns = namespace(s='x') %}{% for i in range(99) %}{% set ns.s = ns.s ~ ns.s %}{% endfor %}",
        "{% set ns = namespace(l=[]) %}{% for i in range(99) %}{% set ns.l = [ns.l, ns.l] %}{% endfor %}{{ ns.l }}",
        "{% set ns = namespace(l=[]) %}{% for i in range(99) %}{% set ns.l = [ns.l, ns.l] %}{% endfor %}{{ ns.l | tojson }}",
        "{% set ns = namespace(l=[], m=[]) %}{% for i in range(99) %}{% set ns.l = [ns.l, ns.l] %}{% set ns.m = [ns.m, ns.m] %}{% endfor %}{{ ns.l == ns.m }}",
        "{{ ('a' * 1000000) | replace('a', 'b' * 1000000) }}",
        "{{ ('a\n' * 1000000) | indent(1000) }}",
        "{{ range(100000) | join('x' * 1000000) }}",
        "{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}",
        "{{ range(999999999) }}", "{{ 2 ** 9999999 }}", "{{ '1'.zfill(99999999999) }}", "{{ [[]] | tojson(indent=99999999999) * 9999999 }}"})
    void costIsBounded(String template) {
        Assertions.assertTimeoutPreemptively(Duration.ofSeconds(5), () ->
                assertThatThrownBy(() -> render(template)).isInstanceOf(FaultException.class));
    }

    @Test
    void depthIsBounded() {
        for (String deep : List.of("{{ " + "(".repeat(5000) + "1" + ")".repeat(5000) + " }}", "{{ 1" + " + 1".repeat(50_000) + " }}",
                "{{ x" + ".a".repeat(50_000) + " }}", "{{ " + "not ".repeat(50_000) + "1 }}", "{{ " + "-".repeat(50_000) + "1 }}",
                "{% if 1 %}".repeat(5000), "{{ 1" + "|list".repeat(50_000) + " }}", "{{ 1" + " if 1 else 1".repeat(5000) + " }}")) {
            assertThatThrownBy(() -> render(deep)).isInstanceOf(FaultException.class).hasMessageContaining("template_invalid");
        }
        assertThat(render("{{ " + "(".repeat(50) + "1" + " + 1".repeat(500) + ")".repeat(50) + " }}")).isEqualTo("501");
        assertThatThrownBy(() -> ChatTemplate.parse("x".repeat(2_000_000))).isInstanceOf(FaultException.class);
    }

    @Test
    void datesComeFromTheClock() {
        assertThat(render("{{ strftime_now('%d %b %Y, %A %-d.%-m. %H:%M:%S %I%p %j 100%%') }}"))
                .isEqualTo("05 Mar 2026, Thursday 5.3. 07:08:09 07AM 064 100%");
        assertThat(render("{{ strftime_now('%Q %e %^a %_m %y %F %U') }}")).isEqualTo("%Q  5 THU  3 26 2026-03-05 09");
    }

    @Test
    void rawBlocksAndLineBreaksAreNormalized() {
        assertThat(render("a\r\nb\rc\n")).isEqualTo("a\nb\nc");
        assertThat(render("a\n\n")).isEqualTo("a\n");
    }
}
