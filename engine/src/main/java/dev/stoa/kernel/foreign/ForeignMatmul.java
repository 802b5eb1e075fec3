// SPDX-License-Identifier: Apache-2.0
package dev.stoa.kernel.foreign;

import dev.stoa.kernel.Matmul;
import dev.stoa.kernel.PackedWeight;
import dev.stoa.kernel.Shapes;
import dev.stoa.kernel.Workers;
import dev.stoa.kernel.integer.IntegerFormat;
import dev.stoa.kernel.integer.RepackedWeight;
import dev.stoa.tensor.Scope;
import dev.stoa.tensor.Tensor;
import java.util.concurrent.locks.ReentrantLock;

/// Integer products in C; every other product is that of `others`.
final class ForeignMatmul implements Matmul, AutoCloseable {
    private final Workers workers;
    private final NativeKernels kernels;
    private final Matmul others;
    private final IntegerProduct product;
    /// One product at a time: the job and the rounded rows belong to it.
    private final ReentrantLock turn = new ReentrantLock();

    ForeignMatmul(Workers workers, NativeKernels kernels, Matmul others) {
        this.workers = workers;
        this.kernels = kernels;
        this.others = others;
        this.product = new IntegerProduct(workers, kernels);
    }

    @Override
    public PackedWeight pack(Tensor w, Scope scope) {
        return others.pack(w, scope);
    }

    @Override
    public PackedWeight map(Tensor w) {
        return others.map(w);
    }

    @Override
    public PackedWeight packRounded(Tensor w, Scope scope) {
        return IntegerFormat.of(w.dtype()) == null ? others.pack(w, scope) : RepackedWeight.of(w, workers, size -> kernels.pages().allocate(scope, size));
    }

    @Override
    public void multiply(Tensor x, PackedWeight w, Tensor y, boolean accumulate) {
        // x (M, K), w (N, K), y (M, N)
        if (!(w instanceof RepackedWeight repacked)) {
            others.multiply(x, w, y, accumulate);
            return;
        }
        Shapes.multiply(x, w, y);
        if (y.elements() == 0) return;
        turn.lock();
        try {
            product.run(x, repacked, y, accumulate);
        } finally {
            turn.unlock();
        }
    }

    @Override
    public void gemm(boolean transposeA, Tensor a, boolean transposeB, Tensor b, float alpha, float beta, Tensor c) {
        others.gemm(transposeA, a, transposeB, b, alpha, beta, c);
    }

    @Override
    public void close() {
        product.close();
    }
}
