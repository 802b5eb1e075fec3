// SPDX-License-Identifier: Apache-2.0
package dev.stoa.kernel;

import dev.stoa.tensor.Scope;
import dev.stoa.tensor.Tensor;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;

/// The limits of this machine and how near the matrix product comes, measured in one run: samples of all quantities
/// alternate, so that a busy neighbour hits them alike. Bandwidth in GB/s, arithmetic in GFLOP/s (fp32).
public record Limits(String kernels, int threads, Rate readOne, Rate readAll, Rate peakOne, Rate peakAll, Rate gemm,
        Rate gemmShare) {
    /// The product that is timed: c (M, N) = a (M, K) * b (K, N), packing included.
    public static final int M = 512;
    public static final int K = 1024;
    public static final int N = 3072;

    private static final long READ_BYTES = 256L << 20;
    private static final int SAMPLE_NANOS = 5_000_000;
    private static final int WARM_UP_NANOS = 1_500_000_000;

    /// Median, tenth and ninetieth percentile of `samples` samples.
    public record Rate(double median, double low, double high, int samples) {
        static Rate of(double[] values) {
            double[] sorted = values.clone();
            Arrays.sort(sorted);
            int n = sorted.length;
            return new Rate(sorted[n / 2], sorted[n / 10], sorted[n - 1 - n / 10], n);
        }
    }

    /// Takes `samples` samples of each quantity, some seconds in all; needs 300 MB from `scope`.
    public static Limits measure(Kernels kernels, Scope scope, int samples) {
        if (samples < 1) throw new IllegalArgumentException("samples must be at least 1, got " + samples);
        return new Measurement(kernels, scope).run(samples);
    }

    private static final class Measurement {
        private final Kernels kernels;
        private final Workers workers;
        private final Ceiling ceiling;
        private final MemorySegment memory;
        private final Tensor a;
        private final Tensor b;
        private final Tensor c;
        private final float[] kept;

        Measurement(Kernels kernels, Scope scope) {
            this.kernels = kernels;
            workers = kernels.workers();
            ceiling = kernels.ceiling();
            memory = scope.allocate(READ_BYTES).fill((byte) 1);
            a = filled(scope.f32(M, K));
            b = filled(scope.f32(K, N));
            c = scope.f32(M, N);
            kept = new float[workers.threads()];
        }

        private static Tensor filled(Tensor tensor) {
            for (long i = 0; i < tensor.elements(); i++) tensor.set(i, (i * 37 % 101) / 101f - 0.5f);
            return tensor;
        }

        Limits run(int samples) {
            int rounds = rounds();
            double flops = (double) rounds * ceiling.operationsPerRound();
            double[][] rates = new double[6][samples];
            int threads = workers.threads();
            for (int i = 0; i < samples; i++) {
                rates[0][i] = READ_BYTES / (double) nanos(() -> read(1));
                rates[1][i] = READ_BYTES / (double) nanos(() -> read(threads));
                rates[2][i] = flops / nanos(() -> multiplyAdds(1, rounds));
                rates[3][i] = flops * threads / nanos(() -> multiplyAdds(threads, rounds));
                rates[4][i] = 2.0 * M * N * K / nanos(this::product);
                rates[5][i] = rates[4][i] / rates[3][i];
            }
            return new Limits(kernels.id(), threads, Rate.of(rates[0]), Rate.of(rates[1]), Rate.of(rates[2]),
                    Rate.of(rates[3]), Rate.of(rates[4]), Rate.of(rates[5]));
        }

        /// Warms everything up until it runs compiled; answers rounds of about one sample.
        private int rounds() {
            long start = System.nanoTime();
            int rounds = 1000;
            while (System.nanoTime() - start < WARM_UP_NANOS) {
                read(workers.threads());
                product();
                int now = rounds;
                long time = nanos(() -> multiplyAdds(1, now));
                rounds = (int) Math.clamp((double) rounds * SAMPLE_NANOS / Math.max(1, time), 1000, 100_000_000);
            }
            return rounds;
        }

        private void read(int threads) {
            workers.parallel(threads, 1, (worker, from, to) -> {
                long share = READ_BYTES / threads / 1024 * 1024;
                for (int i = from; i < to; i++) kept[worker] += ceiling.read(memory, i * share, (i + 1) * share);
            });
        }

        private void multiplyAdds(int threads, int rounds) {
            workers.parallel(threads, 1, (worker, from, to) -> {
                for (int i = from; i < to; i++) kept[worker] += ceiling.multiplyAdds(rounds);
            });
        }

        private void product() {
            kernels.matmul().gemm(false, a, false, b, 1, 0, c);
        }

        private static long nanos(Runnable work) {
            long start = System.nanoTime();
            work.run();
            return Math.max(1, System.nanoTime() - start);
        }
    }
}
