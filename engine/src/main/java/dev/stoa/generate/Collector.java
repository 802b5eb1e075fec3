// SPDX-License-Identifier: Apache-2.0
package dev.stoa.generate;

import dev.stoa.generate.Generator.Generation;
import java.util.Arrays;
import java.util.concurrent.CompletableFuture;
import java.util.function.Consumer;

/// Gathers the events of one request into a result, so that buffered output is the stream, concatenated.
final class Collector implements Consumer<Event> {
    final CompletableFuture<Generation> done = new CompletableFuture<>();
    private final StringBuilder text = new StringBuilder();
    private int[] tokens = new int[16];
    private int count;

    @Override
    public void accept(Event event) {
        switch (event) {
            case Event.Started ignored -> {}
            case Event.Token token -> {
                if (count == tokens.length) tokens = Arrays.copyOf(tokens, 2 * count);
                tokens[count++] = token.id();
                text.append(token.text());
            }
            case Event.Finished end -> done.complete(new Generation(Arrays.copyOf(tokens, count),
                    text.append(end.text()).toString(), end.reason(), end.stopDetail(), end.usage()));
            case Event.Failed failed -> done.completeExceptionally(failed.fault().exception());
        }
    }
}
