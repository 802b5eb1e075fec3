// SPDX-License-Identifier: Apache-2.0
package dev.stoa.demo;

import dev.stoa.adapter.AdapterSet;
import dev.stoa.eval.world.Item;
import dev.stoa.generate.Compose;
import dev.stoa.generate.Context;
import dev.stoa.generate.GenerateRequest;
import dev.stoa.generate.Generator.Generation;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.function.IntFunction;

/// Asks the engine items and judges the answers with the world's verifiers, greedy, in mixed batches.
final class Scoring {
    private static final int MAX_TOKENS = 48;
    private final Workbench bench;

    Scoring(Workbench bench) {
        this.bench = bench;
    }

    /// Which answers are right, and how long the whole batch took.
    record Outcome(boolean[] right, long tokens, double seconds) {
        double accuracy() {
            return (double) wins() / right.length;
        }

        int wins() {
            int wins = 0;
            for (boolean each : right) if (each) wins++;
            return wins;
        }

        double tokensPerSecond() {
            return tokens / seconds;
        }
    }

    /// The answers' texts, in item order.
    List<String> answers(List<Item> items, AdapterSet experts, Compose compose) throws IOException {
        return answersTo(items.stream().map(Item::prompt).toList(), experts, compose);
    }

    /// The answers to bare prompts.
    List<String> answersTo(List<String> prompts, AdapterSet experts, Compose compose) throws IOException {
        return generate(prompts, experts, compose).stream().map(Generation::text).toList();
    }

    Outcome score(List<Item> items, AdapterSet experts, Compose compose) throws IOException {
        long start = System.nanoTime();
        List<Generation> answers = generate(items.stream().map(Item::prompt).toList(), experts, compose);
        double seconds = (System.nanoTime() - start) * 1e-9;
        boolean[] right = new boolean[items.size()];
        long tokens = 0;
        for (int i = 0; i < right.length; i++) {
            right[i] = bench.world.verify(items.get(i), answers.get(i).text()).pass();
            tokens += answers.get(i).tokens().length;
        }
        return new Outcome(right, tokens, seconds);
    }

    /// The first `count` items of a stream.
    static List<Item> items(int count, IntFunction<Item> stream) {
        List<Item> items = new ArrayList<>(count);
        for (int i = 0; i < count; i++) items.add(stream.apply(i));
        return items;
    }

    private List<Generation> generate(List<String> prompts, AdapterSet experts, Compose compose) throws IOException {
        List<GenerateRequest> requests = new ArrayList<>(prompts.size());
        for (String prompt : prompts) {
            requests.add(GenerateRequest.greedy(bench.encoder().prompt(prompt), MAX_TOKENS, experts, compose));
        }
        return bench.engine().generateAll(requests, Context.NONE);
    }
}
