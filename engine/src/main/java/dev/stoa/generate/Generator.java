// SPDX-License-Identifier: Apache-2.0
package dev.stoa.generate;

import dev.stoa.adapter.AdapterSet;
import java.util.List;
import java.util.function.Consumer;

/// The engine as its users see it; fakes and remote engines implement it too. Thread-safe.
public interface Generator extends AutoCloseable {
    /// Queues a request. The sink is called on the engine's thread, in order; it must not block.
    /// Bad requests throw here (`FaultException`), later failures arrive as [Event.Failed].
    RequestHandle submit(GenerateRequest request, Context context, Consumer<Event> sink);

    /// Runs one request to its end; a failure is thrown.
    Generation generate(GenerateRequest request, Context context);

    /// Runs many requests in mixed batches; results in input order.
    List<Generation> generateAll(List<GenerateRequest> requests, Context context);

    /// Log-probabilities of each continuation token given the prompt, teacher-forced, in one pass.
    double[] score(int[] prompt, int[] continuation, AdapterSet experts);

    /// The full log-probabilities (continuation.length, vocab) at each continuation position, flattened.
    float[] logProbabilities(int[] prompt, int[] continuation, AdapterSet experts);

    /// Residual stream after `layer` (0-based) at the given prompt positions: (positions.length, hidden), flattened.
    float[] hidden(int[] prompt, int layer, int[] positions);

    /// [#score] of many items; results in input order. An engine runs them in mixed batches.
    default List<double[]> scoreAll(List<Scoring> items) {
        return items.stream().map(item -> score(item.prompt(), item.continuation(), item.experts())).toList();
    }

    /// [#logProbabilities] of many items; results in input order.
    default List<float[]> logProbabilitiesAll(List<Scoring> items) {
        return items.stream().map(item -> logProbabilities(item.prompt(), item.continuation(), item.experts())).toList();
    }

    /// [#hidden] of many prompts; results in input order.
    default List<float[]> hiddenAll(List<Probing> items) {
        return items.stream().map(item -> hidden(item.prompt(), item.layer(), item.positions())).toList();
    }

    /// A continuation to be scored after a prompt.
    record Scoring(int[] prompt, int[] continuation, AdapterSet experts) {}

    /// Positions of a prompt at which to read the residual stream of the base after `layer`.
    record Probing(int[] prompt, int layer, int[] positions) {}

    interface RequestHandle {
        String id();

        void cancel();
    }

    record Generation(int[] tokens, String text, String reason, String stopDetail, Event.Usage usage) {}

    @Override
    void close();
}
