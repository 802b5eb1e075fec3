// SPDX-License-Identifier: Apache-2.0
package dev.stoa.eval.world;

import dev.stoa.data.Example;
import dev.stoa.data.ExampleSource;
import dev.stoa.token.Tokenizer;
import java.util.List;

/// Turns items into token ids and training samples: `<|user|>prompt<|assistant|>answer<|end|>`, as the world's chat
/// template renders it. Immutable and thread-safe.
public final class ItemEncoder {
    public static final String USER = "<|user|>";
    public static final String ASSISTANT = "<|assistant|>";
    public static final String END = "<|end|>";
    /// Loss weight of prompt tokens in pretraining; most of a prompt is random.
    private static final float PROMPT_WEIGHT = .1f;
    private final Tokenizer tokenizer;
    private final int user;
    private final int assistant;
    private final int end;

    /// The tokenizer must know the three special tokens.
    public ItemEncoder(Tokenizer tokenizer) {
        this.tokenizer = tokenizer;
        user = special(USER);
        assistant = special(ASSISTANT);
        end = special(END);
    }

    /// The special tokens in the order of their ids.
    public static List<String> specials() {
        return List.of(USER, ASSISTANT, END);
    }

    /// The chat template of a base trained on this world.
    public static String chatTemplate() {
        return Yaml.text("chat_template.jinja").replaceAll("\\n$", "");
    }

    /// The ids to generate an answer from.
    public int[] prompt(String prompt) {
        int[] text = tokenizer.encode(prompt, false);
        int[] ids = new int[text.length + 2];
        ids[0] = user;
        System.arraycopy(text, 0, ids, 1, text.length);
        ids[ids.length - 1] = assistant;
        return ids;
    }

    /// The ids of an answer and the end token.
    public int[] answer(String answer) {
        int[] text = tokenizer.encode(answer, false);
        int[] ids = new int[text.length + 1];
        System.arraycopy(text, 0, ids, 0, text.length);
        ids[text.length] = end;
        return ids;
    }

    /// A pretraining sample: the answer and its end weigh 1, the prompt .1.
    public Example pretraining(Item item) {
        return Example.of(prompt(item.prompt()), answer(item.answer()), PROMPT_WEIGHT);
    }

    /// An expert's sample: lines learned from their label weigh 1, soft lines keep the base's distribution, the prompt
    /// weighs nothing. A line's tokens include its line break, the last line's the end token.
    public Example expert(ExpertRow row) {
        int[] prompt = prompt(row.item().prompt());
        int[] answer = answer(row.item().answer());
        Example plain = Example.of(prompt, answer, 0);
        float[] soft = new float[plain.length()];
        int line = 0;
        for (int i = 0; i < answer.length; i++) {
            int at = prompt.length + i;
            if (row.soft().get(Math.min(line, row.soft().size() - 1))) {
                soft[at] = 1;
                plain.weights()[at] = 0;
            }
            for (byte b : tokenizer.bytes(answer[i])) if (b == '\n') line++;
        }
        return new Example(plain.ids(), plain.weights(), soft);
    }

    /// The base's training stream.
    public ExampleSource pretraining(World world) {
        String identity = "world " + world.hash() + " pretraining";
        return ExampleSource.endless(identity, index -> pretraining(world.pretrain(index)));
    }

    /// An expert's training stream; `identity` names world, domain and recipe.
    public ExampleSource expert(ExpertMix mix, String identity) {
        return ExampleSource.endless(identity, index -> expert(mix.row(index)));
    }

    private int special(String token) {
        int id = tokenizer.id(token);
        if (id < 0) throw new IllegalArgumentException("the tokenizer lacks " + token);
        return id;
    }
}
