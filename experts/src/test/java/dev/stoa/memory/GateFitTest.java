// SPDX-License-Identifier: Apache-2.0
package dev.stoa.memory;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.stoa.eval.world.DialogueGen;
import dev.stoa.route.head.Logistic;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class GateFitTest {
    @TempDir
    Path root;

    /// Repeats the fit of the shipped weights: 50 dialogues, half of them read without rules.
    @Test
    @Tag("slow")
    void theShippedWeightsAreTheFittedOnes() throws IOException {
        List<double[]> inputs = new ArrayList<>();
        List<Boolean> relevant = new ArrayList<>();
        for (int seed = 1; seed <= 50; seed++) collect(seed, seed <= 25 ? Dialogues.rules() : PredicateTable.EMPTY, inputs, relevant);
        boolean[] y = new boolean[relevant.size()];
        for (int i = 0; i < y.length; i++) y[i] = relevant.get(i);
        double[][] x = inputs.stream().map(row -> Arrays.copyOf(row, RelevanceGate.INPUTS - 1)).toArray(double[][]::new);
        double[] fitted = Logistic.fit(x, y, new double[RelevanceGate.INPUTS], 1);
        for (int i = 0; i < fitted.length; i++) assertThat(fitted[i]).as("%s of %d rows", Arrays.toString(fitted), y.length).isCloseTo(Memories.GATE.weights()[i], within(0.5));
    }

    private void collect(int seed, PredicateTable rules, List<double[]> inputs, List<Boolean> relevant) throws IOException {
        DialogueGen.Episode dialogue = Dialogues.GEN.episode(seed);
        TenantContext tenant = TenantContext.of("t");
        try (EmbeddedMemory memory = Memories.open(root.resolve("g" + seed), rules)) {
            List<String> ids = Memories.remember(memory, tenant, dialogue.turns());
            MemoryState state = memory.memory(tenant).state();
            // Half of the questions are about another conversation: nothing here is relevant to them.
            List<DialogueGen.Question> questions = new ArrayList<>(dialogue.questions());
            int own = questions.size();
            questions.addAll(Dialogues.GEN.episode(seed + 1_000).questions());
            for (int i = 0; i < questions.size(); i++) {
                DialogueGen.Question question = questions.get(i);
                RecallQuery query = RecallQuery.of(question.plain()).k(5).gated(false);
                List<RecallResult.Item> items = memory.recall(tenant, query).items();
                if (items.isEmpty()) continue;
                RecallResult.Item best = items.getFirst();
                boolean about = best.text().contains(question.entity()) && best.text().contains(question.predicate());
                int gold = i < own ? Dialogues.gold(question) : -1;
                inputs.add(Recaller.gateInputs(state, rules, tenant, query, Instant.parse("2027-01-01T00:00:00Z")));
                relevant.add(gold >= 0 && (rules == PredicateTable.EMPTY ? about : best.id().equals(ids.get(gold))));
            }
        }
    }

    /// Requests that have nothing to do with what is stored get nothing injected.
    @Test
    void unrelatedQuestionsGetNothing() throws IOException {
        List<String> questions = List.of("What is the capital of France?", "Write a haiku about autumn.", "Explain how a transistor works.",
                "def f(x): return x*2", "Translate good night into Spanish.", "What is 17 times 23?", "Summarize the plot of Hamlet.",
                "How do I reverse a list in Python?", "Who painted the Mona Lisa?", "Give me a recipe for pancakes.",
                "Why is the sky blue?", "Convert 3 miles to kilometers.", "What does HTTP 404 mean?", "Name three prime numbers.",
                "How tall is Mount Everest?", "Sort these numbers: 4 2 9", "Is a tomato a fruit?", "Draft an email to my landlord.",
                "What causes inflation?", "Tell me a joke about cats.");
        TenantContext tenant = TenantContext.of("t");
        try (EmbeddedMemory memory = Memories.open(root)) {
            Memories.remember(memory, tenant, Dialogues.GEN.episode(77).turns());
            memory.append(tenant, AppendBatch.said(Origin.USER, "I am allergic to peanuts."));
            long injected = questions.stream().filter(question -> !memory.recall(tenant, RecallQuery.of(question)).items().isEmpty()).count();
            assertThat(injected).isLessThanOrEqualTo(1);
            assertThat(memory.recall(tenant, RecallQuery.of("What am I allergic to?")).items()).as("and what is relevant does").isNotEmpty();
        }
    }
}
