// SPDX-License-Identifier: Apache-2.0
package dev.stoa.tune;

import dev.stoa.data.Batch;
import dev.stoa.data.Example;
import dev.stoa.data.Packer;
import dev.stoa.grad.LossRows;
import dev.stoa.grad.Network;
import dev.stoa.grad.PackedSamples;
import dev.stoa.grad.Parameter;
import dev.stoa.kernel.Updates;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.stream.IntStream;

/// Data parallelism inside one step: copies of a network that share the weights, each with gradients and kernels of its
/// own, take parts of the samples of about equally many tokens. Between two updates no thread waits for another, which
/// small models spend a fifth of their time on.
///
/// Gradients are summed in the order of the copies, so a run's bits depend on their number, never on the threads.
final class Replicas implements AutoCloseable {
    /// `parameters` are those of the trainee, in its order: the same values, other gradients.
    record Replica(Network network, List<Parameter> parameters) {}

    /// Weighted losses of a step, what they weigh, and how many tokens were computed and trained.
    record Sum(double loss, double weight, long tokens, long trained) {
        static final Sum NONE = new Sum(0, 0, 0, 0);

        Sum plus(Sum other) {
            return new Sum(loss + other.loss, weight + other.weight, tokens + other.tokens, trained + other.trained);
        }
    }

    private final List<Replica> replicas;
    private final Updates updates;
    /// Null when there is nothing to share out.
    private final ExecutorService threads;

    /// The first replica's gradients are the trainee's; `updates` adds the others to them. At most `threads` work at once.
    Replicas(List<Replica> replicas, Updates updates, int threads) {
        this.replicas = List.copyOf(replicas);
        this.updates = updates;
        this.threads = replicas.size() == 1 || threads == 1 ? null
                : Executors.newFixedThreadPool(threads, Thread.ofPlatform().daemon().name("stoa-replica-", 0).factory());
    }

    static Replicas one(Network network, List<Parameter> parameters, Updates updates) {
        return new Replicas(List.of(new Replica(network, parameters)), updates, 1);
    }

    int count() {
        return replicas.size();
    }

    /// Adds the gradients of all samples to those of the first replica.
    Sum accumulate(List<Example> samples, int microTokens) {
        for (Replica replica : replicas.subList(1, replicas.size())) {
            for (Parameter parameter : replica.parameters()) parameter.gradient().data().fill((byte) 0);
        }
        List<List<Example>> parts = split(samples, replicas.size());
        Sum all = Sum.NONE;
        for (Sum sum : run(parts, microTokens)) all = all.plus(sum);
        List<Parameter> first = replicas.getFirst().parameters();
        for (Replica replica : replicas.subList(1, replicas.size())) {
            for (int i = 0; i < first.size(); i++) {
                updates.axpby(1, replica.parameters().get(i).gradient(), 1, first.get(i).gradient());
            }
        }
        return all;
    }

    private List<Sum> run(List<List<Example>> parts, int microTokens) {
        List<Sum> sums = new ArrayList<>();
        if (threads == null) {
            for (int i = 0; i < parts.size(); i++) sums.add(accumulate(replicas.get(i).network(), parts.get(i), microTokens));
            return sums;
        }
        List<Future<Sum>> running = IntStream.range(0, parts.size())
                .mapToObj(i -> threads.submit(() -> accumulate(replicas.get(i).network(), parts.get(i), microTokens))).toList();
        try {
            for (Future<Sum> each : running) sums.add(each.get());
            return sums;
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IllegalStateException("interrupted inside a step", e);
        } catch (ExecutionException e) {
            throw e.getCause() instanceof RuntimeException cause ? cause : new IllegalStateException(e.getCause());
        }
    }

    private static Sum accumulate(Network network, List<Example> samples, int microTokens) {
        Sum all = Sum.NONE;
        for (Batch batch : Packer.pack(samples, microTokens)) {
            LossRows rows = network.accumulate(
                    new PackedSamples(batch.ids(), batch.positions(), batch.starts(), batch.hard(), batch.soft()));
            all = all.plus(new Sum(rows.sum(), rows.weight(), batch.rows(), rows.rows().length));
        }
        return all;
    }

    /// The longest sample first, each to the part with the fewest tokens.
    static List<List<Example>> split(List<Example> samples, int count) {
        if (count == 1) return List.of(samples);
        List<List<Example>> parts = new ArrayList<>();
        for (int i = 0; i < count; i++) parts.add(new ArrayList<>());
        long[] tokens = new long[count];
        for (Example sample : samples.stream().sorted(Comparator.comparingInt(Example::length).reversed()).toList()) {
            int least = 0;
            for (int i = 1; i < count; i++) if (tokens[i] < tokens[least]) least = i;
            parts.get(least).add(sample);
            tokens[least] += sample.length();
        }
        return parts;
    }

    @Override
    public void close() {
        if (threads != null) threads.close();
    }
}
