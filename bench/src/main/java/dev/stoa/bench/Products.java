// SPDX-License-Identifier: Apache-2.0
package dev.stoa.bench;

import dev.stoa.kernel.KernelProvider;
import dev.stoa.kernel.Kernels;
import dev.stoa.kernel.PackedWeight;
import dev.stoa.quant.Quant;
import dev.stoa.tensor.DType;
import dev.stoa.tensor.Ledger;
import dev.stoa.tensor.Scope;
import dev.stoa.tensor.Tensor;
import java.lang.management.ManagementFactory;
import java.lang.management.ThreadMXBean;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/// GFLOP/s of the products that matter today, beside the multiply-add peak of the same moment: training shapes of the
/// demo base, low-rank shapes, large shapes, and decoding on packed weights of every format.
///
/// Usage: `Products [kernels] [threads] [samples] [part of the name]`; prints one line per shape: median GFLOP/s, its share of the peak
/// (median of the ratios to peak samples taken in between), the 10th and 90th percentile of that share. One thread is
/// timed by its own CPU clock, so that a machine shared with others still gives usable numbers.
public final class Products {
    private static final double SAMPLE_NANOS = 5e5;
    private final Kernels kernels;
    private final Scope scope;
    private final int samples;
    private final int threads;
    private final ThreadMXBean cpu = ManagementFactory.getThreadMXBean();
    private final List<Case> cases = new ArrayList<>();

    private record Case(String name, double flops, Runnable work) {}

    private Products(Kernels kernels, Scope scope, int samples) {
        this.kernels = kernels;
        this.scope = scope;
        this.samples = samples;
        this.threads = kernels.workers().threads();
    }

    public static void main(String[] args) {
        String filter = args.length > 3 ? args[3] : "";
        String choice = args.length > 0 ? args[0] : "auto";
        int threads = args.length > 1 ? Integer.parseInt(args[1]) : 0;
        int samples = args.length > 2 ? Integer.parseInt(args[2]) : 200;
        Ledger ledger = new Ledger();
        try (Kernels kernels = KernelProvider.open(choice, threads); Scope scope = ledger.scope("products")) {
            System.out.println(kernels.reason() + ", " + kernels.id() + ", N " + samples);
            Products products = new Products(kernels, scope, samples);
            products.add();
            products.cases.removeIf(one -> !one.name().contains(filter));
            products.measure();
        }
    }

    private void add() {
        for (int m : new int[] {1024, 4096}) {
            for (int[] shape : new int[][] {{128, 128}, {128, 64}, {128, 320}, {320, 128}, {128, 1024}}) {
                training(m, shape[0], shape[1]);
            }
        }
        training(4096, 128, 8);
        training(4096, 8, 128);
        training(4096, 320, 8);
        training(512, 1024, 3072);
        training(512, 2048, 2048);
        for (DType dtype : new DType[] {DType.F32, DType.BF16, DType.Q8_0, DType.Q4_0}) {
            for (int m : new int[] {1, 4, 32, 512}) decoding(dtype, m, 1024, 3072);
        }
        for (int m : new int[] {1, 4, 32}) decoding(DType.F32, m, 128, 320);
    }

    private Tensor random(int rows, int cols) {
        Tensor tensor = scope.f32(rows, cols);
        for (long i = 0; i < tensor.elements(); i++) tensor.set(i, (i * 7919 % 1013) / 1013f - 0.5f);
        return tensor;
    }

    /// Forward x (M, K) w (N, K), input gradient dy w, weight gradient dy^T x.
    private void training(int m, int k, int n) {
        Tensor x = random(m, k);
        Tensor w = random(n, k);
        Tensor y = random(m, n);
        double flops = 2.0 * m * k * n;
        String shape = "M=%d K=%d N=%d".formatted(m, k, n);
        cases.add(new Case("forward  " + shape, flops, () -> kernels.matmul().gemm(false, x, true, w, 1, 0, y)));
        cases.add(new Case("input    " + shape, flops, () -> kernels.matmul().gemm(false, y, false, w, 1, 0, x)));
        cases.add(new Case("weight   " + shape, flops, () -> kernels.matmul().gemm(true, y, false, x, 1, 0, w)));
    }

    private void decoding(DType dtype, int m, int k, int n) {
        Tensor x = random(m, k);
        Tensor y = scope.f32(m, n);
        Tensor w = Quant.encode(random(n, k).toArray(), dtype, scope, n, k);
        PackedWeight packed = kernels.matmul().pack(w, scope);
        cases.add(new Case("packed %s M=%d K=%d N=%d".formatted(dtype, m, k, n), 2.0 * m * k * n,
                () -> kernels.matmul().multiply(x, packed, y, false)));
    }

    private void measure() {
        float[] kept = new float[threads];
        int rounds = 50_000;
        for (Case one : cases) {
            double time = time(one.work(), 1);
            int repeats = (int) Math.clamp(SAMPLE_NANOS / time, 1, 10_000);
            double warm = System.nanoTime() + 3e8;
            while (System.nanoTime() < warm) time = time(one.work(), repeats);
            repeats = (int) Math.clamp(SAMPLE_NANOS / time, 1, 10_000);
            double[] rates = new double[samples];
            double[] shares = new double[samples];
            double best = 0;
            double peak = 0;
            for (int i = 0; i < samples; i++) {
                double now = (double) threads * rounds * kernels.ceiling().operationsPerRound()
                        / time(() -> kernels.workers().parallel(threads, 1, (worker, from, to) ->
                                kept[worker] += kernels.ceiling().multiplyAdds(rounds)), 1);
                rates[i] = one.flops() / time(one.work(), repeats);
                shares[i] = 100 * rates[i] / now;
                best = Math.max(best, rates[i]);
                peak = Math.max(peak, now);
            }
            Arrays.sort(rates);
            Arrays.sort(shares);
            System.out.printf("%-38s %7.1f GFLOP/s  %3.0f %% of peak (%.0f..%.0f)  best %.1f of %.1f = %.0f %%%n", one.name(),
                    rates[samples / 2], shares[samples / 2], shares[samples / 10], shares[samples - 1 - samples / 10],
                    best, peak, 100 * best / peak);
        }
    }

    private double time(Runnable work, int repeats) {
        long start = clock();
        for (int i = 0; i < repeats; i++) work.run();
        return Math.max(1, clock() - start) / (double) repeats;
    }

    private long clock() {
        return threads == 1 ? cpu.getCurrentThreadCpuTime() : System.nanoTime();
    }
}
