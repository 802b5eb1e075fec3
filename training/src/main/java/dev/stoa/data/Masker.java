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
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;

/// Turns conversations into samples: rendered once with the model's template, with a weight on every token that lies
/// fully inside an assistant turn, the end-of-turn token included.
///
/// Tokens are those of inference, where the prompt is encoded before the answer exists: a template whose prompt ends in
/// a space must not make that space part of the answer's first token. Encoding the whole text does so for most
/// templates; where it does not, prompt and answer are encoded apart.
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

    /// What one assistant turn said, [begin, end) in characters; the prompt that asked for it ends at `prompt`.
    private record Mask(int prompt, int begin, int end, float weight) {}

    private record Marked(String text, List<Mask> masks) {
        /// Ends of the prompts whose answers are learned.
        int[] prompts() {
            return masks.stream().filter(mask -> mask.weight() > 0).mapToInt(Mask::prompt).distinct().toArray();
        }
    }

    /// The conversations to learn from: the given one, or, where one encoding cannot be what inference sees at each of its
    /// answers (an earlier answer is cut from its prompt when given, but not in the history of a later one), one for each
    /// learned answer, ending with it.
    public List<List<Row.Turn>> conversations(List<Row.Turn> turns, String where) {
        if (turns.stream().filter(turn -> turn.trains() && turn.message().role().equals("assistant")).count() < 2) return List.of(turns);
        Marked marked = marked(turns, where);
        if (agrees(tokenizer.encode(marked.text(), true), marked)) return List.of(turns);
        List<List<Row.Turn>> apart = new ArrayList<>();
        for (int i = 0; i < turns.size(); i++) {
            if (!turns.get(i).trains() || !turns.get(i).message().role().equals("assistant")) continue;
            List<Row.Turn> upTo = new ArrayList<>();
            for (Row.Turn turn : turns.subList(0, i)) upTo.add(new Row.Turn(turn.message(), 0));
            upTo.add(turns.get(i));
            apart.add(upTo);
        }
        return apart;
    }

    public Example example(List<Row.Turn> turns, String where) {
        Marked marked = marked(turns, where);
        String text = marked.text();
        int[] ids = tokenizer.encode(text, true);
        if (!agrees(ids, marked)) ids = apart(text, marked.prompts());
        int[] ends = ends(ids, text, where);
        float[] weights = new float[ids.length];
        for (Mask mask : marked.masks()) {
            if (mask.weight() > 0) mark(ids, ends, bytes(text, mask.begin()), bytes(text, mask.end()), mask.weight(), weights);
        }
        weights[0] = 0;
        return Example.hard(ids, weights);
    }

    private Marked marked(List<Row.Turn> turns, String where) {
        List<Message> messages = turns.stream().map(Row.Turn::message).toList();
        refuseForgedTokens(messages, where);
        Rendered rendered = template.render(messages, false, variables);
        if (rendered.unplacedSpans() > 0) {
            throw Fault.of(TrainingFault.MASK_UNKNOWN, "the template's generation blocks stand inside macros, so their place is not known").where(where)
                    .next("move the generation blocks out of the macros").exception();
        }
        return new Marked(rendered.text(), rendered.assistantSpans().isEmpty() ? byPrefixes(turns, messages, rendered.text(), where)
                : byBlocks(turns, messages, rendered, where));
    }

    /// True when the encoding of the whole text begins, up to each learned answer, with that answer's prompt encoded alone.
    private boolean agrees(int[] whole, Marked marked) {
        for (int end : marked.prompts()) {
            int[] prompt = tokenizer.encode(marked.text().substring(0, end), true);
            if (prompt.length > whole.length || !Arrays.equals(prompt, 0, prompt.length, whole, 0, prompt.length)) return false;
        }
        return true;
    }

    /// The text encoded piece by piece.
    private int[] apart(String text, int[] cuts) {
        IntStream ids = IntStream.empty();
        int from = 0;
        for (int cut : cuts) {
            ids = IntStream.concat(ids, Arrays.stream(tokenizer.encode(text.substring(from, cut), true)));
            from = cut;
        }
        return IntStream.concat(ids, Arrays.stream(tokenizer.encode(text.substring(from), true))).toArray();
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

    /// One block per assistant turn, in order. A template that rewrites history shows no prompt in the full text: then the
    /// block's begin stands for its end.
    private List<Mask> byBlocks(List<Row.Turn> turns, List<Message> messages, Rendered full, String where) {
        List<Span> spans = full.assistantSpans();
        List<Integer> assistant = IntStream.range(0, turns.size()).filter(i -> messages.get(i).role().equals("assistant")).boxed().toList();
        if (assistant.size() != spans.size()) {
            throw Fault.of(TrainingFault.MASK_UNKNOWN, "the template's generation blocks do not match the assistant turns").where(where)
                    .got(spans.size() + " blocks").expected(assistant.size() + " turns").exception();
        }
        List<Mask> masks = new ArrayList<>();
        for (int i = 0; i < spans.size(); i++) {
            Span span = spans.get(i);
            int turn = assistant.get(i);
            float weight = turns.get(turn).weight();
            int prompt = span.begin();
            if (turn > 0 && weight > 0) {
                String asked = template.render(messages.subList(0, turn), true, variables).text();
                if (full.text().startsWith(asked) && asked.length() <= span.end()) prompt = asked.length();
            }
            masks.add(new Mask(prompt, span.begin(), span.end(), weight));
        }
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
            masks.add(new Mask(prompt.length(), prompt.length(), answered.length(), turns.get(i).weight()));
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
