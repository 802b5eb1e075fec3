// SPDX-License-Identifier: Apache-2.0
package dev.stoa.bench;

import dev.stoa.kernel.Attention;
import dev.stoa.kernel.KernelProvider;
import dev.stoa.kernel.Kernels;
import dev.stoa.tensor.Ledger;
import dev.stoa.tensor.Scope;
import dev.stoa.tensor.Tensor;
import java.util.Arrays;
import java.util.Locale;
import java.util.SplittableRandom;

/// Attention alone: a chunk of a prompt over all tokens before it, and one decoding row, both in the shape of one layer
/// (16 heads over 8 key heads of 128). Prints median, 10th and 90th percentile of milliseconds, and multiply-adds as GFLOP/s.
///
/// Arguments: kernels, threads, tokens before, rows of the chunk, repetitions.
public final class AttentionSpeed {
    private static final int HEADS = 16, KV_HEADS = 8, DIM = 128;

    private AttentionSpeed() {}

    public static void main(String[] args) {
        int threads = Integer.parseInt(args[1]), before = Integer.parseInt(args[2]), rows = Integer.parseInt(args[3]);
        int runs = Integer.parseInt(args[4]);
        try (Kernels kernels = KernelProvider.open(args[0], threads); Scope scope = new Ledger().scope("bench")) {
            System.out.println(kernels.reason());
            int capacity = before + rows;
            Tensor keys = random(scope, KV_HEADS * capacity, 1), values = random(scope, KV_HEADS * capacity, 2);
            Tensor q = random(scope, rows * HEADS, 3).view(rows, HEADS * DIM), out = scope.f32(rows, HEADS * DIM);
            Attention.Row[] chunk = new Attention.Row[rows];
            for (int i = 0; i < rows; i++) chunk[i] = new Attention.Row(i, keys.data(), values.data(), capacity, 0, before + i + 1);
            report("chunk", runs, kernels, q, chunk, out);
            report("one row", 20 * runs, kernels, q, new Attention.Row[] {chunk[rows - 1]}, out);
        }
    }

    private static Tensor random(Scope scope, long rows, long seed) {
        Tensor tensor = scope.f32(rows, DIM);
        SplittableRandom random = new SplittableRandom(seed);
        for (long i = 0; i < tensor.elements(); i++) tensor.set(i, (float) random.nextDouble(-1, 1));
        return tensor;
    }

    private static void report(String what, int runs, Kernels kernels, Tensor q, Attention.Row[] rows, Tensor out) {
        double[] ms = new double[runs];
        for (int run = -Math.max(3, runs / 2); run < runs; run++) {
            long start = System.nanoTime();
            kernels.roundedAttention().attend(q, rows, HEADS, KV_HEADS, DIM, 0.088f, out);
            if (run >= 0) ms[run] = (System.nanoTime() - start) / 1e6;
        }
        Arrays.sort(ms);
        double flops = 0;
        for (Attention.Row row : rows) flops += 4.0 * HEADS * DIM * row.length();
        System.out.printf(Locale.ROOT, "%s: %.3f ms (%.3f to %.3f), %.1f GFLOP/s, N %d%n", what, ms[runs / 2], ms[runs / 10], ms[runs * 9 / 10],
                flops / ms[runs / 2] / 1e6, runs);
    }
}
