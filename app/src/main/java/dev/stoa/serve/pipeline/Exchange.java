// SPDX-License-Identifier: Apache-2.0
package dev.stoa.serve.pipeline;

import dev.stoa.generate.Event;
import dev.stoa.generate.Generator;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;

/// A request that is being answered: its events in order, and the way to stop it. The engine's thread delivers, the
/// request's thread takes; the mailbox is as long as an answer can be, so the engine never waits for a client.
public final class Exchange {
    /// An event of one of the choices.
    public record Delivery(int choice, Event event) {}

    private final LinkedBlockingQueue<Delivery> mailbox = new LinkedBlockingQueue<>();
    private final CompletableFuture<Void> ended = new CompletableFuture<>();
    private final AtomicInteger open;
    private final AtomicBoolean cancelled = new AtomicBoolean();
    private volatile List<Generator.RequestHandle> handles = List.of();

    Exchange(int choices) {
        open = new AtomicInteger(choices);
    }

    void deliver(int choice, Event event) {
        mailbox.add(new Delivery(choice, event));
        boolean terminal = switch (event) {
            case Event.Started started -> false;
            case Event.Token token -> false;
            case Event.Finished finished -> true;
            case Event.Failed failed -> true;
        };
        if (terminal) close(1);
    }

    /// Counts choices that will deliver nothing more.
    void close(int choices) {
        if (open.addAndGet(-choices) == 0) ended.complete(null);
    }

    /// Completes when the engine is done with all choices: only then may the experts go.
    CompletableFuture<Void> ended() {
        return ended;
    }

    void running(List<Generator.RequestHandle> all) {
        handles = List.copyOf(all);
        if (cancelled.get()) all.forEach(Generator.RequestHandle::cancel);
    }

    /// The next event, or null when none came in time.
    public Delivery next(long timeoutMs) throws InterruptedException {
        return mailbox.poll(timeoutMs, TimeUnit.MILLISECONDS);
    }

    /// Stops all choices at the next step; their last events still arrive.
    public void cancel() {
        if (cancelled.compareAndSet(false, true)) handles.forEach(Generator.RequestHandle::cancel);
    }
}
