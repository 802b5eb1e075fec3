// SPDX-License-Identifier: Apache-2.0
package dev.stoa.model;

import dev.stoa.EngineFault;
import dev.stoa.Fault;
import dev.stoa.adapter.Adapter;
import dev.stoa.adapter.AdapterSet;
import dev.stoa.adapter.Delta;
import dev.stoa.adapter.TargetId;
import dev.stoa.quant.Quant;
import dev.stoa.tensor.DType;
import dev.stoa.tensor.Scope;
import dev.stoa.tensor.Tensor;
import java.util.SortedMap;
import java.util.TreeMap;

/// Computes what weight-decomposed adapters need of their base, once, when they are loaded:
/// c = magnitude / |W + scale * B A| per output row, over the decoded base weights.
public final class DoraFactors {
    private DoraFactors() {}

    /// The adapter with every row factor known; new memory comes from `scope`. Its layers must be layers of `model`.
    public static Adapter resolve(Adapter adapter, Model model, Scope scope) {
        SortedMap<TargetId, Delta> entries = new TreeMap<>();
        boolean changed = false;
        for (var entry : adapter.entries().entrySet()) {
            Delta delta = switch (entry.getValue()) {
                case Delta.LowRank low -> low;
                case Delta.Dora dora when dora.rowFactors() != null || entry.getKey().path().equals(AdapterRouting.EMBEDDING) -> dora;
                case Delta.Dora dora -> new Delta.Dora(dora.update(), dora.magnitude(),
                        factors(dora, model.packed(entry.getKey().path()).source(), scope));
            };
            changed |= delta != entry.getValue();
            entries.put(entry.getKey(), delta);
        }
        return changed ? new Adapter(adapter.hash(), adapter.baseHash(), entries, adapter.full(),
                adapter.tokens(), adapter.invocationTokens()) : adapter;
    }

    /// Refuses sets that cannot act on one row: a weight-decomposed adapter rescales whole layers, so it acts alone and at
    /// full weight.
    public static void checkTogether(AdapterSet set) {
        for (AdapterSet.Member member : set.members()) {
            boolean rescales = member.adapter().entries().values().stream().anyMatch(Delta.Dora.class::isInstance);
            if (!rescales || set.members().size() == 1 && member.weight() == 1) continue;
            throw Fault.of(EngineFault.INVALID_WEIGHT, "a weight-decomposed adapter cannot be weighted or summed with others")
                    .where(member.adapter().hash()).got(set.members().size() + " adapters, weight " + member.weight())
                    .expected("this adapter alone, weight 1").next("flatten or fuse it, or compose at the logits").exception();
        }
    }

    private static Tensor factors(Delta.Dora dora, Tensor w, Scope scope) {
        float[] a = Quant.decode(dora.update().a());
        float[] b = Quant.decode(dora.update().b());
        float[] magnitude = Quant.decode(dora.magnitude());
        int rank = dora.update().rank();
        int cols = w.cols();
        float[] row = new float[cols];
        float[] factors = new float[w.rows()];
        for (int n = 0; n < factors.length; n++) {
            Quant.decodeRow(w, n, row, 0);
            double squares = 0;
            for (int i = 0; i < cols; i++) {
                double update = 0;
                for (int r = 0; r < rank; r++) update += (double) b[n * rank + r] * a[r * cols + i];
                double value = row[i] + dora.update().scale() * update;
                squares += value * value;
            }
            factors[n] = (float) (magnitude[n] / Math.sqrt(squares));
        }
        return Quant.encode(factors, DType.F32, scope, factors.length);
    }
}
