// SPDX-License-Identifier: Apache-2.0
package dev.stoa.model;

import dev.stoa.adapter.AdapterSet;
import dev.stoa.cache.KvShape;
import dev.stoa.cache.KvSlab;
import dev.stoa.kernel.Attention;
import dev.stoa.kernel.Kernels;
import dev.stoa.kernel.Lora.Segment;
import dev.stoa.quant.Quant;
import dev.stoa.tensor.Scope;
import dev.stoa.tensor.Tensor;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;

/// Runs a model: one forward method over the rows of a batch, whatever the family and whoever the rows belong to.
///
/// A row's result depends on its own sequence only: not on the other rows, nor on how a prompt was cut into batches
/// (given kernels that are row-invariant). Weights are shared; all state is in the batch's caches and the workspace.
/// One thread at a time may call [#forward] of one decoder.
public final class Decoder {
    private record Layer(LayerSpec spec, Tensor mixerNorm, Tensor ffnNorm, Linear q, Linear k, Linear v, Linear o,
            Tensor qNorm, Tensor kNorm, double[] frequencies, Linear gate, Linear up, Linear down) {}

    private final Model model;
    private final ModelSpec spec;
    private final Kernels kernels;
    private final Layer[] layers;
    private final Tensor embedding;
    private final Tensor finalNorm;
    private final Linear head;
    private final AdapterRouting routing;
    private final AdapterRouting headRouting;
    private final AdapterRouting keptRouting;
    private AdapterSet[] headSets = {};
    private AdapterSet[] keptSets = {};

    public Decoder(Model model) {
        this.model = model;
        this.spec = model.spec();
        this.kernels = model.kernels();
        this.layers = spec.layers().stream().map(this::layer).toArray(Layer[]::new);
        this.embedding = model.weight("embed_tokens.weight");
        this.finalNorm = model.vector("norm.weight");
        this.head = model.linear("lm_head");
        this.routing = new AdapterRouting(model);
        this.headRouting = new AdapterRouting(model);
        this.keptRouting = new AdapterRouting(model);
    }

    /// What each layer stores per token, for a cache.
    public List<KvShape> cacheShapes() {
        List<KvShape> shapes = new ArrayList<>();
        for (LayerSpec layer : spec.layers()) {
            shapes.add(switch (layer.mixer()) {
                case MixerSpec.Attention a -> new KvShape(a.kvHeads(), a.headDim());
            });
        }
        return shapes;
    }

    /// Buffers for batches of at most `maxRows` rows, `maxLogitRows` of them with logits.
    public Workspace workspace(int maxRows, int maxLogitRows, Scope scope) {
        return new Workspace(spec, maxRows, maxLogitRows, scope);
    }

    /// The rows still computed: their places in the batch (rising) and positions, their buffers, their adapters.
    private record Live(int[] rows, int[] positions, Workspace.Rows at, AdapterRouting routing) {
        int indexOf(int row) {
            return Arrays.binarySearch(rows, row);
        }
    }

    /// Runs all rows (T) of `batch` through the layers they need, appends their keys and values to their caches, and
    /// leaves logits (L, vocab) of the wanted rows in `ws` and wanted residuals in `batch`. If it throws, the caches
    /// still have their old lengths.
    ///
    /// In the last layer only keys and values are needed of a row that wants neither: the others go on alone.
    public void forward(Batch batch, Workspace ws) {
        int rows = batch.rows();
        if (rows == 0) return;
        routing.arrange(batch.adapters, rows);
        Live live = new Live(IntStream.range(0, rows).toArray(), Arrays.copyOf(batch.positions, rows), ws.rows(rows), routing);
        embed(batch, ws.embedding, live.at().x());
        for (int i = 0; i < batch.depth(); i++) {
            Layer layer = layers[i];
            norm(layer.spec.mixerNorm(), layer.mixerNorm, live.at());
            switch (layer.spec.mixer()) {
                case MixerSpec.Attention attention -> {
                    remember(layer, attention, batch, live);
                    if (i == batch.depth() - 1) live = narrow(live, batch, ws);
                    if (live.rows().length > 0) attend(layer, attention, batch, live);
                }
            }
            if (live.rows().length == 0) break;
            norm(layer.spec.ffnNorm(), layer.ffnNorm, live.at());
            switch (layer.spec.ffn()) {
                case FeedForward.Gated ignored -> feedForward(layer, live);
            }
            for (int c = 0; c < batch.captures(); c++) {
                if (batch.captureLayer(c) == i) batch.captured(c, live.at().x(), live.indexOf(batch.captureRow(c)));
            }
        }
        if (batch.logitRows() > 0) head(batch, ws, live);
        batch.commit();
    }

    /// The rows of `live` whose result is read after the last layer, moved together in x and normed.
    private Live narrow(Live live, Batch batch, Workspace ws) {
        int[] kept = batch.wantedRows();
        if (kept.length == live.rows().length) return live;
        if (kept.length == 0) return new Live(kept, kept, null, routing);
        long rowBytes = (long) spec.hidden() * Float.BYTES;
        int[] positions = new int[kept.length];
        if (keptSets.length != kept.length) keptSets = new AdapterSet[kept.length];
        for (int i = 0; i < kept.length; i++) {
            // Rising places: a row never overwrites one that is still to be moved.
            for (Tensor tensor : new Tensor[] {live.at().x(), live.at().normed()}) {
                MemorySegment.copy(tensor.data(), kept[i] * rowBytes, tensor.data(), i * rowBytes, rowBytes);
            }
            positions[i] = batch.positions[kept[i]];
            keptSets[i] = batch.adapters[kept[i]];
        }
        keptRouting.arrange(keptSets, kept.length);
        return new Live(kept, positions, ws.rows(kept.length), keptRouting);
    }

    private void norm(NormSpec norm, Tensor weight, Workspace.Rows at) {
        kernels.norm().rms(at.x(), weight, norm.eps(), norm.weightOffset(), at.normed());
    }

    /// x (T, hidden) = scaled rows of the table.
    private void embed(Batch batch, float[] row, Tensor x) {
        for (int r = 0; r < batch.rows(); r++) {
            Quant.decodeRow(embedding, batch.tokens[r], row, 0);
            if (spec.embedScale() != 1) for (int c = 0; c < row.length; c++) row[c] *= spec.embedScale();
            MemorySegment.copy(row, 0, x.data(), Tensor.FLOAT, (long) r * row.length * Float.BYTES, row.length);
        }
    }

    /// Stores keys and values of all rows; attention reads them back, also those of this batch.
    private void remember(Layer layer, MixerSpec.Attention spec, Batch batch, Live live) {
        Workspace.Rows at = live.at();
        apply(layer.k, at.normed(), at.k(), false, live.routing());
        apply(layer.v, at.normed(), at.v(), false, live.routing());
        if (spec.queryKeyNorm() != null) headNorm(at.k(), live.rows().length * spec.kvHeads(), spec, layer.kNorm);
        kernels.rope().rotate(at.k(), spec.kvHeads(), spec.headDim(), live.positions(), layer.frequencies, spec.rope().magnitude(), 1);
        for (int r = 0; r < live.rows().length; r++) {
            batch.states[live.rows()[r]].layer(layer.spec.index()).put(live.positions()[r], at.k(), at.v(), r);
        }
    }

    /// x (T, hidden) += o(attention(q of normed, stored keys and values)).
    private void attend(Layer layer, MixerSpec.Attention spec, Batch batch, Live live) {
        Workspace.Rows at = live.at();
        int rows = live.rows().length;
        apply(layer.q, at.normed(), at.q(), false, live.routing());
        if (spec.queryKeyNorm() != null) headNorm(at.q(), rows * spec.heads(), spec, layer.qNorm);
        kernels.rope().rotate(at.q(), spec.heads(), spec.headDim(), live.positions(), layer.frequencies, spec.rope().magnitude(), 1);
        Attention.Row[] visible = new Attention.Row[rows];
        for (int r = 0; r < rows; r++) {
            KvSlab slab = batch.states[live.rows()[r]].layer(layer.spec.index());
            int length = live.positions()[r] + 1;
            int first = spec.window() == 0 ? 0 : Math.max(0, length - spec.window());
            visible[r] = new Attention.Row(r, slab.keys(), slab.values(), slab.capacity(), first, length);
        }
        kernels.attention().attend(at.q(), visible, spec.heads(), spec.kvHeads(), spec.headDim(), spec.scale(), at.mixed());
        apply(layer.o, at.mixed(), at.x(), true, live.routing());
    }

    private void headNorm(Tensor x, int heads, MixerSpec.Attention spec, Tensor weight) {
        Tensor perHead = x.view(heads, spec.headDim());
        kernels.norm().rms(perHead, weight, spec.queryKeyNorm().eps(), spec.queryKeyNorm().weightOffset(), perHead);
    }

    /// x (T, hidden) += down(silu(gate(normed)) * up(normed)).
    private void feedForward(Layer layer, Live live) {
        Workspace.Rows at = live.at();
        apply(layer.gate, at.normed(), at.gate(), false, live.routing());
        apply(layer.up, at.normed(), at.up(), false, live.routing());
        kernels.activation().swiglu(at.gate(), at.up(), at.gate());
        apply(layer.down, at.gate(), at.x(), true, live.routing());
    }

    /// logits (L, vocab) of the wanted rows.
    private void head(Batch batch, Workspace ws, Live live) {
        int count = batch.logitRows();
        if (headSets.length != count) headSets = new AdapterSet[count];
        Tensor wanted = ws.head(count);
        long rowBytes = (long) spec.hidden() * Float.BYTES;
        for (int i = 0; i < count; i++) {
            int source = batch.logitSources[i];
            MemorySegment.copy(live.at().x().data(), live.indexOf(source) * rowBytes, wanted.data(), i * rowBytes, rowBytes);
            headSets[i] = batch.adapters[source];
        }
        kernels.norm().rms(wanted, finalNorm, spec.finalNorm().eps(), spec.finalNorm().weightOffset(), wanted);
        headRouting.arrange(headSets, count);
        apply(head, wanted, ws.logits(count), false, headRouting);
    }

    /// y (T, N) = or += x (T, K) * W + bias + the deltas of each row's adapters.
    private void apply(Linear linear, Tensor x, Tensor y, boolean accumulate, AdapterRouting route) {
        kernels.matmul().multiply(x, linear.weight(), y, accumulate);
        if (linear.bias() != null) {
            for (int r = 0; r < y.rows(); r++) kernels.activation().axpy(1, linear.bias(), y.slice(r, r + 1).view(y.cols()));
        }
        Segment[] segments = route.segments(linear);
        if (segments.length > 0) kernels.lora().apply(x, segments, y);
    }

    private Layer layer(LayerSpec layer) {
        return switch (layer.mixer()) {
            case MixerSpec.Attention a -> new Layer(layer, model.vector(layer.path("input_layernorm.weight")),
                    model.vector(layer.path("post_attention_layernorm.weight")), model.linear(layer.path("self_attn.q_proj")),
                    model.linear(layer.path("self_attn.k_proj")), model.linear(layer.path("self_attn.v_proj")),
                    model.linear(layer.path("self_attn.o_proj")), model.vector(layer.path("self_attn.q_norm.weight")),
                    model.vector(layer.path("self_attn.k_norm.weight")), a.rope().inverseFrequencies(),
                    model.linear(layer.path("mlp.gate_proj")), model.linear(layer.path("mlp.up_proj")),
                    model.linear(layer.path("mlp.down_proj")));
        };
    }
}
