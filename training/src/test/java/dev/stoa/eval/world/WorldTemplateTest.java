// SPDX-License-Identifier: Apache-2.0
package dev.stoa.eval.world;

import static org.assertj.core.api.Assertions.assertThat;

import dev.stoa.data.Example;
import dev.stoa.template.ChatTemplate;
import dev.stoa.template.Message;
import dev.stoa.template.Rendered;
import dev.stoa.template.Span;
import dev.stoa.token.BpeTrainer;
import dev.stoa.token.Tokenizer;
import dev.stoa.token.TokenizerJson;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

/// What the template engine renders from the shipped template is what items are encoded to.
class WorldTemplateTest {
    private static final World WORLD = World.tiny(42);
    private static final Tokenizer TOKENIZER = TokenizerJson.parse(
            BpeTrainer.train(WORLD.tokenizerTexts(300), 600, ItemEncoder.specials()));
    private static final ItemEncoder ENCODER = new ItemEncoder(TOKENIZER);
    private static final ChatTemplate TEMPLATE = ChatTemplate.parse(ItemEncoder.chatTemplate());

    @Test
    void renderedTurnsTokenizeToTheEncodedItem() {
        for (int i = 0; i < 200; i++) {
            Item item = WORLD.pretrain(i);
            Message user = new Message("user", item.prompt());
            Rendered prompt = TEMPLATE.render(List.of(user), true, Map.of());
            assertThat(TOKENIZER.encode(prompt.text(), true)).containsExactly(ENCODER.prompt(item.prompt()));
            Rendered whole = TEMPLATE.render(List.of(user, new Message("assistant", item.answer())), false, Map.of());
            Example example = ENCODER.pretraining(item);
            assertThat(TOKENIZER.encode(whole.text(), true)).containsExactly(example.ids());
        }
    }

    @Test
    void theGenerationSpanIsTheAnswerAndItsEnd() {
        Item item = WORLD.multi(Split.TEST, 1);
        List<Message> turns = List.of(new Message("user", item.prompt()), new Message("assistant", item.answer()),
                new Message("user", "and now"), new Message("assistant", "yes"));
        Rendered whole = TEMPLATE.render(turns, false, Map.of());
        List<String> spans = whole.assistantSpans().stream().map(span -> text(whole, span)).toList();
        assertThat(spans).containsExactly(item.answer() + ItemEncoder.END, "yes" + ItemEncoder.END);
    }

    private static String text(Rendered rendered, Span span) {
        return rendered.text().substring(span.begin(), span.end());
    }
}
