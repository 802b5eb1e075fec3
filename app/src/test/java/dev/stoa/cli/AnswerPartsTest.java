// SPDX-License-Identifier: Apache-2.0
package dev.stoa.cli;

import static org.assertj.core.api.Assertions.assertThat;

import dev.stoa.template.dialect.Block;
import dev.stoa.template.dialect.Dialect;
import dev.stoa.template.dialect.OutputParser;
import dev.stoa.template.dialect.ReasoningMode;
import dev.stoa.template.dialect.ToolTypes;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;

class AnswerPartsTest {
    private static final String ANSWER = "Where?</think>Let me look.<tool_call>\n{\"name\": \"weather\", \"arguments\": {\"city\": \"Z\u00fcrich\"}}\n</tool_call>"
            + "<tool_call>\n{\"name\": \"traffic\", \"arguments\": {}}\n</tool_call><tool_call>{no</tool_call>";

    private static String heard(String answer, int piece, Block opened) {
        StringBuilder heard = new StringBuilder();
        AnswerParts parts = new AnswerParts(new OutputParser(Dialect.HERMES, opened, ReasoningMode.CAPTURE, ToolTypes.UNKNOWN, new SplittableRandom(1)),
                new AnswerParts.Listener() {
                    private char last;

                    private void add(char kind, String text) {
                        if (last != kind) heard.append('|').append(kind).append(':');
                        last = kind;
                        heard.append(text);
                    }

                    @Override
                    public void text(String text) {
                        add('t', text);
                    }

                    @Override
                    public void reasoning(String text) {
                        add('r', text);
                    }

                    @Override
                    public void call(String name, String arguments) {
                        last = 0;
                        add('c', name + arguments);
                    }

                    @Override
                    public void unreadable(String why) {
                        last = 0;
                        add('u', "");
                    }
                });
        for (int i = 0; i < answer.length(); i += piece) parts.push(answer.substring(i, Math.min(answer.length(), i + piece)));
        parts.finish();
        assertThat(parts.calls()).extracting(AnswerParts.Call::name).containsExactly("weather", "traffic");
        assertThat(parts.reasoning()).isEqualTo("Where?");
        assertThat(parts.text()).startsWith("Let me look.").contains("{no");
        return heard.toString();
    }

    @Test
    void partsAreTheSameHoweverTheAnswerIsCut() {
        Block think = Dialect.HERMES.reasoning().getFirst();
        String whole = heard(ANSWER, ANSWER.length(), think);
        assertThat(whole).startsWith("|r:Where?|t:Let me look.|c:weather{\"city\":\"Z\u00fcrich\"}|c:traffic{}|u:|t:{no");
        for (int piece = 1; piece < 30; piece++) assertThat(heard(ANSWER, piece, think)).isEqualTo(whole);
        assertThat(heard("<think>" + ANSWER, 3, null)).isEqualTo(whole);
    }
}
