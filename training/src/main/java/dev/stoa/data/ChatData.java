// SPDX-License-Identifier: Apache-2.0
package dev.stoa.data;

import dev.stoa.Fault;
import dev.stoa.FaultException;
import dev.stoa.TrainingFault;
import dev.stoa.format.Sha256;
import dev.stoa.template.ChatTemplate;
import dev.stoa.template.Message;
import dev.stoa.token.Tokenizer;
import java.io.BufferedWriter;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import tools.jackson.databind.node.JsonNodeFactory;

/// Reads a JSON Lines file of chat, prompt/completion or Alpaca rows into samples for one model.
public final class ChatData {
    private static final int SHOWN = 20;
    private final Tokenizer tokenizer;
    private final ChatTemplate template;
    private final Masker masker;
    private final Options options;
    private final List<Example> samples = new ArrayList<>();
    private int emptyMasks, cutSamples;

    /// `maxTokens` bounds a sample. `rejected` receives the bad rows with their reasons; null means any bad row fails the
    /// whole file. `eosId` ends prompt/completion rows, -1 for none; `templateCompletions` renders those as one chat turn.
    public record Options(int maxTokens, Path rejected, int eosId, boolean templateCompletions) {
        public Options {
            if (maxTokens < 2) throw new IllegalArgumentException("samples of at most " + maxTokens + " tokens");
        }
    }

    private ChatData(Tokenizer tokenizer, ChatTemplate template, Map<String, ?> variables, Options options) {
        this.tokenizer = tokenizer;
        this.template = template;
        this.options = options;
        masker = template == null ? null : new Masker(template, tokenizer, variables);
    }

    /// Reads the whole file. `template` may be null for a model without one: then chat rows are bad rows.
    public static TrainingData read(Path file, Tokenizer tokenizer, ChatTemplate template, Map<String, ?> variables, Options options)
            throws IOException {
        ChatData data = new ChatData(tokenizer, template, variables, options);
        List<String> problems = new ArrayList<>();
        int rows = 0;
        try (JsonLines lines = new JsonLines(file); BufferedWriter rejected = options.rejected() == null ? null
                : Files.newBufferedWriter(options.rejected(), StandardCharsets.UTF_8)) {
            for (byte[] line = lines.next(); line != null; line = lines.next(), rows++) {
                try {
                    data.add(Row.of(lines.parse(line), lines.where()), lines.where());
                } catch (FaultException problem) {
                    problems.add(problem.fault().oneLine());
                    if (rejected == null && problems.size() >= SHOWN) break;
                    if (rejected != null) reject(rejected, lines.where(), problem.fault().oneLine(), line);
                }
            }
        }
        if (options.rejected() == null && !problems.isEmpty()) {
            throw Fault.of(TrainingFault.TOO_MANY_BAD_ROWS, "%d%s rows cannot be used", problems.size(), problems.size() >= SHOWN ? " or more" : "")
                    .where(file).issues(problems).next("correct them, or skip bad rows").exception();
        }
        if (data.samples.isEmpty()) throw data.nothing(file, rows, problems).exception();
        return new TrainingData(data.samples, identity(data.samples), rows, problems.size(), data.emptyMasks, data.cutSamples,
                data.masker == null ? 0 : data.masker.straddlers());
    }

    /// Hash of every token and weight: what file, tokenizer, template and options came to.
    private static String identity(List<Example> samples) {
        Sha256 sum = new Sha256();
        for (Example sample : samples) {
            sum.u32(sample.length());
            for (int i = 0; i < sample.length(); i++) {
                sum.u32(sample.ids()[i]).u32(Float.floatToIntBits(sample.weights()[i])).u32(Float.floatToIntBits(sample.soft()[i]));
            }
        }
        return sum.hex();
    }

    private static void reject(BufferedWriter out, String where, String reason, byte[] line) throws IOException {
        out.write(JsonNodeFactory.instance.objectNode().put("where", where).put("reason", reason)
                .put("row", new String(line, StandardCharsets.UTF_8)).toString());
        out.write('\n');
    }

    private Fault nothing(Path file, int rows, List<String> problems) {
        if (emptyMasks > 0) {
            return Fault.of(TrainingFault.EMPTY_MASK, "no row has a token to learn").where(file).got(emptyMasks + " rows with an empty mask")
                    .expected("an assistant turn within " + options.maxTokens() + " tokens").next("raise the maximum length, or check train flags");
        }
        return Fault.of(TrainingFault.NO_DATA, "the file has no usable row").where(file).got(rows + " rows").issues(problems)
                .next("check that this is the right file");
    }

    private void add(Row row, String where) {
        switch (row) {
            case Row.Chat chat -> chats(chat.turns(), where);
            case Row.Completion completion when options.templateCompletions() -> chats(List.of(
                    new Row.Turn(new Message("user", completion.prompt()), 0),
                    new Row.Turn(new Message("assistant", completion.completion()), 1)), where);
            case Row.Completion completion -> keep(completion(completion, where));
        }
    }

    private void keep(Example example) {
        if (example.trained() == 0) emptyMasks++;
        else samples.add(example);
    }

    private void chats(List<Row.Turn> turns, String where) {
        if (template == null) {
            throw Fault.of(TrainingFault.ROW_INVALID, "a chat row needs a chat template, and the model has none").where(where)
                    .next("use prompt and completion rows").exception();
        }
        for (List<Row.Turn> conversation : masker.conversations(turns, where)) keep(chat(conversation, where));
    }

    /// Too long conversations lose their oldest exchanges (system message kept); what is still too long is cut at the end.
    private Example chat(List<Row.Turn> turns, String where) {
        Example example = masker.example(turns, where);
        boolean cut = example.length() > options.maxTokens();
        List<Row.Turn> left = turns;
        while (example.length() > options.maxTokens()) {
            List<Row.Turn> shorter = withoutOldestExchange(left);
            if (shorter.size() == left.size()) break;
            left = shorter;
            example = masker.example(left, where);
        }
        if (cut) cutSamples++;
        return example.cutRight(options.maxTokens());
    }

    /// Without the first user turn and everything up to the next one; the same list when only one exchange is left.
    private static List<Row.Turn> withoutOldestExchange(List<Row.Turn> turns) {
        int first = 0;
        while (first < turns.size() && turns.get(first).message().role().equals("system")) first++;
        int next = first + 1;
        while (next < turns.size() && !turns.get(next).message().role().equals("user")) next++;
        if (next >= turns.size()) return turns;
        List<Row.Turn> left = new ArrayList<>(turns.subList(0, first));
        left.addAll(turns.subList(next, turns.size()));
        return left;
    }

    private Example completion(Row.Completion row, String where) {
        if (row.completion().isEmpty()) throw Fault.of(TrainingFault.ROW_INVALID, "the completion is empty").where(where).exception();
        int[] prompt = tokenizer.encode(row.prompt(), false), answer = tokenizer.encode(row.completion(), false);
        int ends = options.eosId() < 0 ? 0 : 1;
        int[] ids = Arrays.copyOf(prompt, prompt.length + answer.length + ends);
        System.arraycopy(answer, 0, ids, prompt.length, answer.length);
        if (ends == 1) ids[ids.length - 1] = options.eosId();
        float[] weights = new float[ids.length];
        for (int i = Math.max(1, prompt.length); i < ids.length; i++) weights[i] = 1;
        if (ids.length > options.maxTokens()) cutSamples++;
        return Example.hard(ids, weights).cutRight(options.maxTokens());
    }
}
