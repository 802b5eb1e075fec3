// SPDX-License-Identifier: Apache-2.0
package dev.stoa.nn.mixer;

import dev.stoa.cache.KvShape;
import dev.stoa.cache.KvRing;
import dev.stoa.cache.KvState;
import dev.stoa.cache.SharedShape;
import dev.stoa.cache.StateShape;
import dev.stoa.kernel.Attention;
import dev.stoa.kernel.Kernels;
import dev.stoa.nn.Linear;
import dev.stoa.nn.Rotation;
import dev.stoa.tensor.Tensor;
import java.util.Arrays;

/// Softmax attention over stored keys and values, kv head floor(h * kvHeads / heads) for head h. Keys are written before
/// they are read, also those of the running pass, so that nothing depends on how a prompt was cut.
public final class GroupedAttention implements Mixer {
    private static final int QUERIES = 0;
    private static final int KEYS = 1;
    private static final int VALUES = 2;
    private static final int MIXED = 3;
    private static final int GATED = 4;

    /// The layers and norms of one attention layer; k and v are null where a layer has none of its own, norms and
    /// `relativeBias` (buckets, heads) where the family has none.
    public record Weights(Linear q, Linear k, Linear v, Linear o, Tensor qNorm, Tensor kNorm, Tensor relativeBias) {}

    private final MixerSpec.Attention spec;
    private final AttentionOptions options;
    private final Weights weights;
    private final Rotation rotation;
    private final PlainAttention plain;

    public GroupedAttention(MixerSpec.Attention spec, Weights weights) {
        this.spec = spec;
        this.options = spec.options();
        this.weights = weights;
        this.rotation = spec.rope() == null ? null : new Rotation(spec.rope());
        this.plain = options.softcap() == 0 && weights.relativeBias() == null ? null
                : new PlainAttention(options.softcap(), weights.relativeBias());
    }

    @Override
    public StateShape stateShape() {
        return options.sharedLayer() >= 0 ? new SharedShape(options.sharedLayer()) : new KvShape(spec.kvHeads(), spec.headDim(), spec.window());
    }

    @Override
    public int[] widths() {
        int queries = spec.heads() * spec.headDim();
        int keys = spec.kvHeads() * spec.headDim();
        return new int[] {queries, keys, keys, queries, options.outputGate() ? 2 * queries : 0};
    }

    @Override
    public boolean remembersApart() {
        return true;
    }

    @Override
    public void remember(MixerCall call) {
        if (options.sharedLayer() >= 0) return;
        Kernels kernels = call.kernels();
        int rows = call.rows();
        int width = spec.kvHeads() * spec.headDim();
        Tensor k = call.buffers().at(KEYS, rows, width);
        Tensor v = call.buffers().at(VALUES, rows, width);
        if (options.keysAreValues()) {
            call.projections().apply(weights.k, call.x(), k, false);
            v.data().copyFrom(k.data());
        } else {
            call.projections().applyAll(new Linear[] {weights.k, weights.v}, call.x(), new Tensor[] {k, v}, null);
        }
        if (options.valueNorm()) {
            Tensor perHead = v.view((long) rows * spec.kvHeads(), spec.headDim());
            kernels.norm().rms(perHead, null, spec.queryKeyNorm().eps(), 0, perHead);
        }
        normed(kernels, k, spec.kvHeads(), weights.kNorm);
        if (rotation != null) rotation.apply(kernels, k, spec.kvHeads(), spec.headDim(), call.positions());
        for (int r = 0; r < rows; r++) ((KvState) call.states()[r]).put(call.positions()[r], k, v, r);
    }

    @Override
    public void mix(MixerCall call) {
        Kernels kernels = call.kernels();
        int rows = call.rows();
        int width = spec.heads() * spec.headDim();
        Tensor q = call.buffers().at(QUERIES, rows, width);
        Tensor both = options.outputGate() ? call.buffers().at(GATED, rows, 2 * width) : null;
        call.projections().apply(weights.q, call.x(), both == null ? q : both, false);
        if (both != null) queriesOf(both, q);
        normed(kernels, q, spec.heads(), weights.qNorm);
        if (rotation != null) rotation.apply(kernels, q, spec.heads(), spec.headDim(), call.positions());
        Tensor mixed = call.buffers().at(MIXED, rows, width);
        attend(call, q, mixed);
        if (both != null) gate(kernels, both, mixed);
        call.projections().apply(weights.o, mixed, call.y(), call.accumulate());
    }

    /// mixed (T, heads * headDim) = what each row sees. Rows whose cache has a gap take turns: they borrow slots of it.
    private void attend(MixerCall call, Tensor q, Tensor mixed) {
        Attention.Row[] visible = new Attention.Row[call.rows()];
        int count = 0;
        for (int r = 0; r < visible.length; r++) {
            KvState cache = (KvState) call.states()[r];
            int last = (options.bidirectional() ? call.lengths()[r] : call.positions()[r] + 1) - 1;
            if (cache instanceof KvRing ring && ring.gap(last)) continue;
            int first = spec.window() == 0 ? 0 : Math.max(0, last + 1 - spec.window());
            visible[count++] = row(r, cache, cache.slot(first), last);
        }
        if (count > 0) attend(call, q, count == visible.length ? visible : Arrays.copyOf(visible, count), mixed);
        if (count < visible.length) gaps(call, q, mixed);
    }

    private void gaps(MixerCall call, Tensor q, Tensor mixed) {
        for (int from = 0; from < call.rows(); from = call.endOfSequence(from)) {
            for (int r = from; r < call.endOfSequence(from); r++) {
                int position = call.positions()[r];
                if (!(call.states()[r] instanceof KvRing ring) || !ring.gap(position)) continue;
                int first = ring.expose(position);
                try {
                    attend(call, q, new Attention.Row[] {row(r, ring, first, position)}, mixed);
                } finally {
                    ring.conceal();
                }
            }
        }
    }

    private static Attention.Row row(int index, KvState cache, int first, int last) {
        return new Attention.Row(index, cache.keys(), cache.values(), cache.capacity(), first, cache.slot(last) + 1);
    }

    private void attend(MixerCall call, Tensor q, Attention.Row[] visible, Tensor mixed) {
        if (plain == null) {
            call.attention().attend(q, visible, spec.heads(), spec.kvHeads(), spec.headDim(), spec.scale(), mixed);
            return;
        }
        int[] slots = new int[call.rows()];
        for (int r = 0; r < slots.length; r++) slots[r] = ((KvState) call.states()[r]).slot(call.positions()[r]);
        plain.attend(call.kernels(), q, visible, slots, spec, mixed);
    }

    /// q_proj gives [query | gate] for each head.
    private void queriesOf(Tensor both, Tensor q) {
        long bytes = (long) spec.headDim() * Float.BYTES;
        for (long h = 0; h < (long) q.rows() * spec.heads(); h++) {
            java.lang.foreign.MemorySegment.copy(both.data(), 2 * h * bytes, q.data(), h * bytes, bytes);
        }
    }

    private void gate(Kernels kernels, Tensor both, Tensor mixed) {
        int d = spec.headDim();
        kernels.workers().parallel(mixed.rows() * spec.heads(), 16, (worker, from, to) -> {
            for (long h = from; h < to; h++) {
                for (int i = 0; i < d; i++) {
                    double gate = 1 / (1 + Math.exp(-both.get((2 * h + 1) * d + i)));
                    mixed.set(h * d + i, (float) (mixed.get(h * d + i) * gate));
                }
            }
        });
    }

    private void normed(Kernels kernels, Tensor x, int heads, Tensor weight) {
        if (weight == null) return;
        Tensor groups = options.wholeWidthNorm() ? x : x.view((long) x.rows() * heads, spec.headDim());
        kernels.norm().rms(groups, weight, spec.queryKeyNorm().eps(), spec.queryKeyNorm().weightOffset(), groups);
    }
}
