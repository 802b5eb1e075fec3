// SPDX-License-Identifier: Apache-2.0
package dev.stoa.model;

import dev.stoa.adapter.AdapterSet;
import dev.stoa.cache.CacheStack;
import dev.stoa.tensor.Ledger;
import dev.stoa.tensor.Tensor;

/// Runs one sequence through a decoder in chunks of a given size and keeps the logits of every position.
final class Runner {
    private Runner() {}

    static float[][] logits(Decoder decoder, ModelSpec spec, AdapterSet adapters, int chunk, int... ids) {
        Ledger ledger = new Ledger();
        float[][] out = new float[ids.length][];
        try (var scope = ledger.scope("test"); CacheStack state = new CacheStack(decoder.cacheShapes(), ids.length, ledger)) {
            Workspace ws = decoder.workspace(chunk, chunk, scope);
            Batch batch = new Batch(spec.layers().size(), chunk, chunk);
            for (int from = 0; from < ids.length; from += chunk) {
                batch.clear();
                int count = Math.min(chunk, ids.length - from);
                for (int i = 0; i < count; i++) batch.wantLogits(batch.add(ids[from + i], from + i, state, adapters));
                decoder.forward(batch, ws);
                Tensor logits = ws.logits(count);
                for (int i = 0; i < count; i++) out[from + i] = logits.slice(i, i + 1).toArray();
            }
        }
        return out;
    }

    /// Residual streams after the last layer, all tokens in one batch.
    static float[][] hidden(Decoder decoder, ModelSpec spec, AdapterSet adapters, int... ids) {
        Ledger ledger = new Ledger();
        float[][] out = new float[ids.length][];
        try (var scope = ledger.scope("test"); CacheStack state = new CacheStack(decoder.cacheShapes(), ids.length, ledger)) {
            Workspace ws = decoder.workspace(ids.length, 1, scope);
            Batch batch = new Batch(spec.layers().size(), ids.length, 1);
            for (int i = 0; i < ids.length; i++) batch.wantResidual(batch.add(ids[i], i, state, adapters), spec.layers().size() - 1);
            decoder.forward(batch, ws);
            for (int i = 0; i < ids.length; i++) out[i] = batch.residual(i);
        }
        return out;
    }

    static double largestDifference(float[][] ours, double[][] reference) {
        double largest = 0;
        for (int t = 0; t < ours.length; t++) {
            for (int i = 0; i < ours[t].length; i++) largest = Math.max(largest, Math.abs(ours[t][i] - reference[t][i]));
        }
        return largest;
    }
}
