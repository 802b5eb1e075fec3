// SPDX-License-Identifier: Apache-2.0
package dev.stoa.generate;

import java.util.ArrayList;
import java.util.List;
import java.util.function.Predicate;

/// Decides who runs and how many rows each gets: continuous batching with chunked prefill. Pure bookkeeping: no
/// tensors, no clock of its own, no threads; the engine's thread tells it the time and what a step cost.
final class Scheduler {
    /// The next `count` positions of every member of a sequence.
    record Slice(Sequence sequence, int count) {
        int rows() {
            return count * sequence.members();
        }

        int logitRows() {
            return sequence.logitsIn(count) * sequence.members();
        }
    }

    private static final long AGING_NANOS = 5_000_000_000L;
    private static final int LEAST_PREFILL = 16;
    private static final double SMOOTHING = 0.2;

    private final int slots;
    private final int maxRows;
    private final int maxLogitRows;
    private final double maxStepMs;
    private final List<Sequence> waiting = new ArrayList<>();
    private final List<Sequence> running = new ArrayList<>();
    private double decodeMs;
    private double msPerPrefillRow;
    private boolean crowded;

    Scheduler(int slots, int maxRows, int maxLogitRows, double maxStepMs) {
        this.slots = slots;
        this.maxRows = maxRows;
        this.maxLogitRows = maxLogitRows;
        this.maxStepMs = maxStepMs;
    }

    void enqueue(Sequence sequence) {
        waiting.add(sequence);
    }

    boolean idle() {
        return waiting.isEmpty() && running.isEmpty();
    }

    int waiting() {
        return waiting.size();
    }

    int running() {
        return running.size();
    }

    /// Everything queued or running, for shutdown.
    List<Sequence> all() {
        List<Sequence> all = new ArrayList<>(running);
        all.addAll(waiting);
        return all;
    }

    /// Those whose deadline has passed; the caller finishes them.
    List<Sequence> expired(long now) {
        List<Sequence> expired = new ArrayList<>();
        for (Sequence sequence : all()) {
            long deadline = sequence.context.deadlineNanos();
            if (deadline != Long.MAX_VALUE && now - deadline >= 0) expired.add(sequence);
        }
        return expired;
    }

    /// Moves waiting sequences into free slots, most urgent first, while `reserve` finds memory for them. The first
    /// that finds none waits for memory and nobody overtakes it, so a large request cannot starve.
    List<Sequence> admit(long now, Predicate<Sequence> reserve) {
        List<Sequence> admitted = new ArrayList<>();
        while (running.size() < slots && !waiting.isEmpty()) {
            Sequence next = waiting.getFirst();
            for (Sequence other : waiting) if (urgency(other, now) > urgency(next, now)) next = other;
            if (!reserve.test(next)) break;
            waiting.remove(next);
            running.add(next);
            admitted.add(next);
        }
        return admitted;
    }

    /// Priority plus one per five seconds of waiting; equal urgency goes by arrival.
    private static long urgency(Sequence sequence, long now) {
        return sequence.priority + (now - sequence.arrivalNanos) / AGING_NANOS;
    }

    void remove(Sequence sequence) {
        waiting.remove(sequence);
        running.remove(sequence);
    }

    /// The rows of the next step: one position of everyone decoding, then prefill from the longest running with what
    /// is left. When a batch cannot hold everyone, they take turns instead.
    List<Slice> plan() {
        List<Slice> plan = new ArrayList<>();
        Room room = new Room(maxRows, maxLogitRows);
        boolean takeTurns = crowded;
        crowded = false;
        for (Sequence sequence : running) {
            if (takeTurns || sequence.state() == Sequence.State.DECODE) crowded |= !place(sequence, room.rows, room, plan);
        }
        int budget = prefillBudget(!plan.isEmpty(), room.rows);
        boolean prefilled = false;
        for (Sequence sequence : running) {
            if (takeTurns || sequence.state() != Sequence.State.PREFILL) continue;
            int before = room.rows;
            prefilled |= place(sequence, budget, room, plan);
            crowded |= !prefilled;
            budget -= before - room.rows;
        }
        if (crowded) {
            List<Sequence> served = plan.stream().map(Slice::sequence).toList();
            running.removeAll(served);
            running.addAll(served);
        }
        return plan;
    }

    /// What a step still has room for.
    private static final class Room {
        int rows;
        int logits;

        Room(int rows, int logits) {
            this.rows = rows;
            this.logits = logits;
        }
    }

    /// Gives a sequence as many positions as fit, at most `budget` rows of them.
    private boolean place(Sequence sequence, int budget, Room room, List<Slice> plan) {
        int members = sequence.members();
        int count = Math.min(sequence.remaining(), Math.min(budget, room.rows) / members);
        int excess = sequence.logitsIn(count) - room.logits / members;
        if (excess > 0) count -= excess;
        if (count <= 0) return false;
        Slice slice = new Slice(sequence, count);
        plan.add(slice);
        room.rows -= slice.rows();
        room.logits -= slice.logitRows();
        return true;
    }

    /// Rows of prefill that keep a step within `maxStepMs` for those already decoding; everything when nobody is.
    private int prefillBudget(boolean othersDecode, int room) {
        if (!othersDecode || msPerPrefillRow == 0) return room;
        double rows = (maxStepMs - decodeMs) / msPerPrefillRow;
        return (int) Math.min(room, Math.max(LEAST_PREFILL, rows));
    }

    /// Learns from a step: how long decoding alone takes, and what a prefill row adds.
    void measured(List<Slice> plan, double ms) {
        int prefill = 0;
        for (Slice slice : plan) if (slice.sequence().computed() - slice.count() < slice.sequence().promptTokens) prefill += slice.rows();
        boolean decoded = plan.stream().anyMatch(slice -> slice.sequence().computed() > slice.sequence().promptTokens);
        if (prefill == 0) {
            decodeMs = smooth(decodeMs, ms);
        } else {
            msPerPrefillRow = smooth(msPerPrefillRow, Math.max(1e-6, (ms - (decoded ? decodeMs : 0)) / prefill));
        }
    }

    private static double smooth(double old, double now) {
        return old == 0 ? now : old + SMOOTHING * (now - old);
    }
}
