// SPDX-License-Identifier: Apache-2.0
package dev.stoa.format.hub;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.List;
import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.Flow;
import java.util.concurrent.TimeUnit;

/// The body of an answer as blocking reads that fail when nothing arrives for a while. One piece is in flight at a
/// time, so a slow disk slows the sender. One reading thread.
final class BodyReader implements Flow.Subscriber<List<ByteBuffer>>, AutoCloseable {
    private sealed interface Event {
        record Piece(List<ByteBuffer> buffers) implements Event {}

        record End(Throwable problem) implements Event {}
    }

    private final Duration idle;
    private final BlockingQueue<Event> events = new ArrayBlockingQueue<>(4);
    private final ArrayDeque<ByteBuffer> ready = new ArrayDeque<>();
    private volatile Flow.Subscription subscription;
    private boolean ended;

    BodyReader(Flow.Publisher<List<ByteBuffer>> body, Duration idle) {
        this.idle = idle;
        body.subscribe(this);
    }

    /// Fills `target` from its start; the count of bytes, or -1 at the end.
    int read(byte[] target) throws IOException, InterruptedException {
        while (ready.isEmpty() && !ended) next();
        if (ready.isEmpty()) return -1;
        ByteBuffer first = ready.getFirst();
        int count = Math.min(first.remaining(), target.length);
        first.get(target, 0, count);
        if (!first.hasRemaining()) ready.removeFirst();
        return count;
    }

    private void next() throws IOException, InterruptedException {
        Event event = events.poll(idle.toMillis(), TimeUnit.MILLISECONDS);
        if (event == null) throw new Unavailable("nothing arrived for " + idle.toMillis() + " ms", null, null);
        switch (event) {
            case Event.Piece piece -> {
                for (ByteBuffer buffer : piece.buffers()) if (buffer.hasRemaining()) ready.addLast(buffer);
                subscription.request(1);
            }
            case Event.End end -> {
                ended = true;
                if (end.problem() != null) throw new Unavailable("the connection broke: " + end.problem().getMessage(), null, end.problem());
            }
        }
    }

    @Override
    public void onSubscribe(Flow.Subscription given) {
        subscription = given;
        given.request(1);
    }

    @Override
    public void onNext(List<ByteBuffer> buffers) {
        events.add(new Event.Piece(buffers));
    }

    @Override
    public void onError(Throwable problem) {
        events.add(new Event.End(problem));
    }

    @Override
    public void onComplete() {
        events.add(new Event.End(null));
    }

    /// Lets go of the connection.
    @Override
    public void close() {
        if (!ended && subscription != null) subscription.cancel();
    }
}
