// SPDX-License-Identifier: Apache-2.0
package dev.stoa.model;

import dev.stoa.nn.Buffers;
import dev.stoa.tensor.Scope;
import dev.stoa.tensor.Tensor;

/// The activations of one forward pass, allocated once for the largest batch. One per thread that calls the decoder;
/// memory belongs to the scope given at creation.
public final class Workspace {
    /// The buffers cut to one number of rows T: x, normed, branch (T, hidden); perLayer (T, layers * width) or null.
    record Rows(Tensor x, Tensor normed, Tensor branch, Tensor perLayer) {}

    private final Rows full;
    private final Rows[] byCount;
    private final Tensor head;
    private final Tensor logits;
    private final Tensor[] headByCount;
    private final Tensor[] logitsByCount;
    final Buffers buffers;
    final float[] embedding;

    /// `widths` are the scratch slots that the parts of the layers need.
    Workspace(ModelSpec spec, int[] widths, int maxRows, int maxLogitRows, Scope scope) {
        int perLayer = spec.perLayerInput() * spec.layers().size();
        full = new Rows(scope.f32(maxRows, spec.hidden()), scope.f32(maxRows, spec.hidden()), scope.f32(maxRows, spec.hidden()),
                perLayer == 0 ? null : scope.f32(maxRows, perLayer));
        buffers = new Buffers(widths, maxRows, scope);
        byCount = new Rows[maxRows + 1];
        head = scope.f32(maxLogitRows, spec.hidden());
        logits = scope.f32(maxLogitRows, spec.head() == null ? 0 : spec.vocab());
        headByCount = new Tensor[maxLogitRows + 1];
        logitsByCount = new Tensor[maxLogitRows + 1];
        embedding = new float[spec.hidden()];
    }

    public int maxRows() {
        return byCount.length - 1;
    }

    public int maxLogitRows() {
        return logitsByCount.length - 1;
    }

    /// The logits (count, vocab) of the last forward pass; overwritten by the next.
    public Tensor logits(int count) {
        if (logitsByCount[count] == null) logitsByCount[count] = logits.slice(0, count);
        return logitsByCount[count];
    }

    Tensor head(int count) {
        if (headByCount[count] == null) headByCount[count] = head.slice(0, count);
        return headByCount[count];
    }

    Rows rows(int count) {
        if (byCount[count] == null) {
            byCount[count] = new Rows(full.x.slice(0, count), full.normed.slice(0, count), full.branch.slice(0, count),
                    full.perLayer == null ? null : full.perLayer.slice(0, count));
        }
        return byCount[count];
    }
}
