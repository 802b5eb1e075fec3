// SPDX-License-Identifier: Apache-2.0
package dev.stoa.kernel.integer;

import dev.stoa.kernel.PackedWeight;
import dev.stoa.kernel.Workers;
import dev.stoa.tensor.Scope;
import dev.stoa.tensor.Tensor;
import java.lang.foreign.MemorySegment;
import java.util.function.LongFunction;

/// A weight (N, K) repacked for integer products; `data` holds its groups one after the other. Immutable.
public record RepackedWeight(Tensor source, IntegerFormat format, MemorySegment data) implements PackedWeight {
    /// Repacks `w`, whose type has integer products, into memory of `scope`; the groups are shared out.
    public static RepackedWeight of(Tensor w, Workers workers, Scope scope) {
        return of(w, workers, scope::allocate);
    }

    /// The same into zeroed memory that `memory` gives for a number of bytes, aligned to a cache line.
    public static RepackedWeight of(Tensor w, Workers workers, LongFunction<MemorySegment> memory) {
        IntegerFormat format = IntegerFormat.of(w.dtype());
        int groups = groups(w.rows());
        long bytes = format.groupBytes(w.cols() / IntegerFormat.BLOCK);
        RepackedWeight weight = new RepackedWeight(w, format, memory.apply(groups * bytes));
        workers.parallel(groups, 1, (worker, from, to) -> {
            for (int group = from; group < to; group++) format.repack(w, group, weight.data, group * bytes);
        });
        return weight;
    }

    private static int groups(int rows) {
        return (rows + IntegerFormat.ROWS - 1) / IntegerFormat.ROWS;
    }

    @Override
    public int outputs() {
        return source.rows();
    }

    @Override
    public int inputs() {
        return source.cols();
    }

    public int groups() {
        return groups(source.rows());
    }

    /// Blocks of 32 values along k.
    public int blocks() {
        return source.cols() / IntegerFormat.BLOCK;
    }

    public long groupBytes() {
        return format.groupBytes(blocks());
    }
}
