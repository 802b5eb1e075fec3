// SPDX-License-Identifier: Apache-2.0
package dev.stoa.optim;

import dev.stoa.kernel.Matmul;
import dev.stoa.kernel.Updates;
import dev.stoa.tensor.Scope;
import dev.stoa.tensor.Tensor;
import java.lang.foreign.MemorySegment;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.SortedMap;
import java.util.TreeMap;

/// Momentum orthogonalized by Newton-Schulz iterations, for hidden matrices (Jordan et al. 2024, "Muon").
///
/// buffer = momentum * buffer + g; u = g + momentum * buffer; X = u / |u|; five times X = a X + (b A + c A^2) X with
/// A = X Xt (on the smaller side); w = w (1 - rate * decay) - rate * sqrt(max(1, rows / cols)) X.
public final class Muon implements Optimizer {
    private static final int ITERATIONS = 5;
    private static final float A = 3.4445f, B = -4.7750f, C = 2.0315f;
    private final List<Variable> variables;
    private final Settings settings;
    private final Updates updates;
    private final Matmul matmul;
    private final TreeMap<String, Tensor> state = new TreeMap<>();
    private final Map<Long, Tensor> scratch = new HashMap<>();
    private final Scope scope;

    /// `rate` is the peak learning rate; decay is multiplied by the current rate.
    public record Settings(double rate, double momentum, double decay) {
        public Settings {
            if (!(rate >= 0) || !(momentum >= 0 && momentum < 1) || !(decay >= 0)) {
                throw new IllegalArgumentException("Muon rate " + rate + ", momentum " + momentum + ", decay " + decay);
            }
        }
    }

    /// Allocates one buffer per variable, and scratch of the largest matrices, in `scope`.
    public Muon(List<Variable> variables, Settings settings, Matmul matmul, Updates updates, Scope scope) {
        this.variables = List.copyOf(variables);
        this.settings = settings;
        this.matmul = matmul;
        this.updates = updates;
        this.scope = scope;
        for (Variable variable : variables) {
            if (variable.value().rank() != 2) throw new IllegalArgumentException(variable.name() + " is not a matrix");
            state.put("momentum." + variable.name(), scope.f32(variable.value().shape()));
        }
    }

    @Override
    public void step(long update, double factor, double gradientScale) {
        float rate = (float) (settings.rate() * factor);
        for (Variable variable : variables) {
            Tensor value = variable.value();
            Tensor direction = scratch(0, value.rows(), value.cols());
            updates.nesterov(variable.gradient(), (float) gradientScale, (float) settings.momentum(),
                    state.get("momentum." + variable.name()), direction);
            Tensor orthogonal = orthogonalize(direction);
            float scale = (float) Math.sqrt(Math.max(1, (double) value.rows() / value.cols()));
            updates.axpby(-rate * scale, orthogonal, (float) (1 - rate * settings.decay()), value);
        }
    }

    /// An approximately orthogonal matrix with the singular vectors of x, which is overwritten; valid until the next call.
    Tensor orthogonalize(Tensor x) {
        int rows = x.rows(), cols = x.cols(), side = Math.min(rows, cols);
        boolean wide = rows <= cols;
        updates.axpby((float) (1 / (Math.sqrt(updates.sumSquares(x)) + 1e-7)), x, 0, x);
        Tensor gram = scratch(2, side, side), polynomial = scratch(3, side, side);
        Tensor from = x, to = scratch(1, rows, cols);
        for (int i = 0; i < ITERATIONS; i++) {
            matmul.gemm(!wide, from, wide, from, 1, 0, gram);
            copy(gram, polynomial);
            matmul.gemm(false, gram, false, gram, C, B, polynomial);
            copy(from, to);
            if (wide) matmul.gemm(false, polynomial, false, from, 1, A, to);
            else matmul.gemm(false, from, false, polynomial, 1, A, to);
            Tensor swap = from;
            from = to;
            to = swap;
        }
        return from;
    }

    private static void copy(Tensor from, Tensor to) {
        MemorySegment.copy(from.data(), 0, to.data(), 0, from.bytes());
    }

    private Tensor scratch(int use, int rows, int cols) {
        return scratch.computeIfAbsent(((long) use << 60) ^ ((long) rows << 30) ^ cols, key -> scope.f32(rows, cols));
    }

    @Override
    public SortedMap<String, Tensor> state() {
        return state;
    }
}
