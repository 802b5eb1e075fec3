// SPDX-License-Identifier: Apache-2.0
package dev.stoa.grad;

import dev.stoa.kernel.FrozenLinear;
import dev.stoa.tensor.Tensor;
import java.lang.foreign.MemorySegment;

/// As [Linear], for a frozen matrix that is read where it lies by the products of [FrozenLinear].
final class FusedLinear {
    private FusedLinear() {}

    static Value apply(Tape tape, Value x, Projection.Frozen w, Value residual, boolean updates) {
        Workspace workspace = tape.workspace();
        FrozenLinear products = tape.compute().frozen();
        Tensor source = w.weight().source(), y = workspace.f32(x.data().rows(), w.outputs());
        Projection.LowRank low = updates ? w.update() : null;
        FrozenLinear.Update update = low == null ? null : new FrozenLinear.Update(low.a().value(), low.b().value(), low.scale());
        Tensor u = low == null ? null : workspace.f32(x.data().rows(), update.rank());
        if (residual != null) MemorySegment.copy(residual.data().data(), 0, y.data(), 0, y.bytes());
        products.forward(x.data(), source, update, u, y, residual != null);
        if (w.bias() != null) tape.kernels().gradients().addRow(w.bias().value(), y);
        Value out = tape.value(y, low != null || tape.trains(w.bias()) || x.wanted() || residual != null && residual.wanted());
        tape.record(out, () -> {
            Tensor g = out.gradient();
            if (tape.trains(w.bias())) tape.kernels().gradients().columnSums(g, w.bias().gradient());
            boolean add = x.beta() != 0;
            Tensor dx = x.wanted() ? x.into(workspace) : null;
            if (low != null) {
                products.backward(g, x.data(), source, update, u, dx, add, low.a().gradient(), low.b().gradient());
            } else if (dx != null) {
                products.backward(g, null, source, null, null, dx, add, null, null);
            }
            if (residual != null && residual.wanted()) residual.adopt(out.take(), tape);
        });
        return out;
    }
}
