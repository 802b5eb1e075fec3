// SPDX-License-Identifier: Apache-2.0
package dev.stoa.data;

import dev.stoa.Fault;
import dev.stoa.TrainingFault;
import dev.stoa.template.ChatTemplate;
import dev.stoa.template.Message;
import dev.stoa.template.Rendered;
import dev.stoa.template.Span;
import dev.stoa.token.Tokenizer;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/// Turns conversations into samples: rendered once with the model's template, tokenized once, with a weight on every
/// token that lies fully inside an assistant turn, the end-of-turn token included.
///
/// Where the assistant's characters are: 1. inside the template's `{% generation %}` blocks, if it has them; 2. else
/// what rendering turn i adds to the generation prompt after turns 0 to i - 1; 3. else the template is refused.
public final class Masker {
    private final ChatTemplate template;
    private final Tokenizer tokenizer;
    private final Map<String, ?> variables;
    private int straddlers;

    /// `variables` go to the template (`bos_token`, ...).
    public Masker(ChatTemplate template, Tokenizer tokenizer, Map<String, ?> variables) {
        this.template = template;
        this.tokenizer = tokenizer;
        this.variables = variables;
    }

    /// Tokens so far that lay across the border of a turn and were not trained.
    public int straddlers() {
        return straddlers;
    }

    private record Mask(int begin, int end, float weight) {}

    public Example example(List<Row.Turn> turns, String where) {
        List<Message> messages = turns.stream().map(Row.Turn::message).toList();
        refuseForgedTokens(messages, where);
        Rendered rendered = template.render(messages, false, variables);
        if (rendered.unplacedSpans() > 0) {
            throw Fault.of(TrainingFault.MASK_UNKNOWN, "the template's generation blocks stand inside macros, so their place is not known").where(where)
                    .next("move the generation blocks out of the macros").exception();
        }
        List<Mask> masks = rendered.assistantSpans().isEmpty() ? byPrefixes(turns, messages, rendered.text(), where)
                : byBlocks(turns, rendered.assistantSpans(), where);
        int[] ids = tokenizer.encode(rendered.text(), true);
        int[] ends = ends(ids, rendered.text(), where);
        float[] weights = new float[ids.length];
        for (Mask mask : masks) {
            if (mask.weight() > 0) mark(ids, ends, bytes(rendered.text(), mask.begin()), bytes(rendered.text(), mask.end()), mask.weight(), weights);
        }
        weights[0] = 0;
        return Example.hard(ids, weights);
    }

    /// A special token written into a message would end its turn: such a row is refused, never learned.
    private void refuseForgedTokens(List<Message> messages, String where) {
        for (Message message : messages) {
            for (int id : tokenizer.encode(message.content(), true)) {
                if (!tokenizer.isSpecial(id)) continue;
                throw Fault.of(TrainingFault.ROW_INVALID, "a message contains the special token %s",
                        new String(tokenizer.bytes(id), StandardCharsets.UTF_8)).where(where).next("remove it from the text").exception();
            }
        }
    }

    /// One block per assistant turn, in order.
    private static List<Mask> byBlocks(List<Row.Turn> turns, List<Span> spans, String where) {
        List<Row.Turn> assistant = turns.stream().filter(turn -> turn.message().role().equals("assistant")).toList();
        if (assistant.size() != spans.size()) {
            throw Fault.of(TrainingFault.MASK_UNKNOWN, "the template's generation blocks do not match the assistant turns").where(where)
                    .got(spans.size() + " blocks").expected(assistant.size() + " turns").exception();
        }
        List<Mask> masks = new ArrayList<>();
        for (int i = 0; i < spans.size(); i++) masks.add(new Mask(spans.get(i).begin(), spans.get(i).end(), assistant.get(i).weight()));
        return masks;
    }

    private List<Mask> byPrefixes(List<Row.Turn> turns, List<Message> messages, String full, String where) {
        List<Mask> masks = new ArrayList<>();
        for (int i = 0; i < turns.size(); i++) {
            if (!turns.get(i).message().role().equals("assistant")) continue;
            String prompt = template.render(messages.subList(0, i), true, variables).text();
            String answered = template.render(messages.subList(0, i + 1), false, variables).text();
            if (!answered.startsWith(prompt) || !full.startsWith(answered)) {
                throw Fault.of(TrainingFault.MASK_UNKNOWN, "the template rewrites earlier turns, so what the assistant said cannot be found")
                        .where(where).expected("a template with generation blocks, or one that only appends")
                        .next("train on single-turn rows, or add {% generation %} blocks to the template").exception();
            }
            masks.add(new Mask(prompt.length(), answered.length(), turns.get(i).weight()));
        }
        return masks;
    }

    /// End of each token in bytes of the text.
    private int[] ends(int[] ids, String text, String where) {
        int[] ends = new int[ids.length];
        int at = 0;
        for (int i = 0; i < ids.length; i++) ends[i] = at += tokenizer.bytes(ids[i]).length;
        if (at != text.getBytes(StandardCharsets.UTF_8).length || ids.length == 0) {
            throw Fault.of(TrainingFault.MASK_UNKNOWN, "the tokenizer changes the text, so tokens cannot be placed in it").where(where)
                    .got(at + " bytes in tokens").expected(text.getBytes(StandardCharsets.UTF_8).length + " bytes").exception();
        }
        return ends;
    }

    private static int bytes(String text, int chars) {
        return text.substring(0, chars).getBytes(StandardCharsets.UTF_8).length;
    }

    /// Weighs the tokens inside [begin, end) up to the last special one, which ends the turn; all when there is none.
    private void mark(int[] ids, int[] ends, int begin, int end, float weight, float[] weights) {
        int last = -1, lastSpecial = -1, first = -1;
        for (int i = 0; i < ids.length; i++) {
            int start = i == 0 ? 0 : ends[i - 1];
            if (ends[i] <= begin || start >= end) continue;
            if (start < begin || ends[i] > end) {
                straddlers++;
                continue;
            }
            if (first < 0) first = i;
            last = i;
            if (tokenizer.isSpecial(ids[i])) lastSpecial = i;
        }
        if (first < 0) return;
        for (int i = first; i <= (lastSpecial < 0 ? last : lastSpecial); i++) weights[i] = weight;
    }
}
