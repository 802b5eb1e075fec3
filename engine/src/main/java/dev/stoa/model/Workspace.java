// SPDX-License-Identifier: Apache-2.0
package dev.stoa.model;

import dev.stoa.tensor.Scope;
import dev.stoa.tensor.Tensor;

/// Activations of one forward pass, allocated once for the largest batch. One per thread that calls the decoder;
/// memory belongs to the scope given at creation.
public final class Workspace {
    /// The buffers cut to one number of rows T: x, normed, mixerOut (T, hidden or heads * headDim), and so on.
    record Rows(Tensor x, Tensor normed, Tensor q, Tensor k, Tensor v, Tensor mixed, Tensor gate, Tensor up) {}

    private final Rows full;
    private final Rows[] byCount;
    private final Tensor head;
    private final Tensor logits;
    private final Tensor[] headByCount;
    private final Tensor[] logitsByCount;
    final float[] embedding;

    Workspace(ModelSpec spec, int maxRows, int maxLogitRows, Scope scope) {
        int queries = 0;
        int keys = 0;
        int intermediate = 0;
        for (LayerSpec layer : spec.layers()) {
            switch (layer.mixer()) {
                case MixerSpec.Attention a -> {
                    queries = Math.max(queries, a.heads() * a.headDim());
                    keys = Math.max(keys, a.kvHeads() * a.headDim());
                }
            }
            switch (layer.ffn()) {
                case FeedForward.Gated f -> intermediate = Math.max(intermediate, f.intermediate());
            }
        }
        full = new Rows(scope.f32(maxRows, spec.hidden()), scope.f32(maxRows, spec.hidden()), scope.f32(maxRows, queries),
                scope.f32(maxRows, keys), scope.f32(maxRows, keys), scope.f32(maxRows, queries),
                scope.f32(maxRows, intermediate), scope.f32(maxRows, intermediate));
        byCount = new Rows[maxRows + 1];
        head = scope.f32(maxLogitRows, spec.hidden());
        logits = scope.f32(maxLogitRows, spec.vocab());
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
            byCount[count] = new Rows(full.x.slice(0, count), full.normed.slice(0, count), full.q.slice(0, count),
                    full.k.slice(0, count), full.v.slice(0, count), full.mixed.slice(0, count),
                    full.gate.slice(0, count), full.up.slice(0, count));
        }
        return byCount[count];
    }
}
