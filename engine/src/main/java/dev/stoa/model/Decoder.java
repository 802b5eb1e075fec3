// SPDX-License-Identifier: Apache-2.0
package dev.stoa.model;

import dev.stoa.adapter.AdapterSet;
import dev.stoa.cache.CacheStack;
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
    private AdapterSet[] headSets = {};

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

    /// Runs all rows (T) of `batch` through the layers they need, appends their keys and values to their caches, and
    /// leaves logits (L, vocab) of the wanted rows in `ws` and wanted residuals in `batch`. If it throws, the caches
    /// still have their old lengths.
    public void forward(Batch batch, Workspace ws) {
        int rows = batch.rows();
        if (rows == 0) return;
        Workspace.Rows at = ws.rows(rows);
        int[] positions = Arrays.copyOf(batch.positions, rows);
        routing.arrange(batch.adapters, rows);
        embed(batch, ws.embedding, at.x());
        for (int i = 0; i < batch.depth(); i++) {
            Layer layer = layers[i];
            NormSpec norm = layer.spec.mixerNorm();
            kernels.norm().rms(at.x(), layer.mixerNorm, norm.eps(), norm.weightOffset(), at.normed());
            switch (layer.spec.mixer()) {
                case MixerSpec.Attention attention -> attend(layer, attention, batch, positions, at);
            }
            norm = layer.spec.ffnNorm();
            kernels.norm().rms(at.x(), layer.ffnNorm, norm.eps(), norm.weightOffset(), at.normed());
            switch (layer.spec.ffn()) {
                case FeedForward.Gated ignored -> feedForward(layer, at);
            }
            batch.capture(i, at.x());
        }
        if (batch.logitRows() > 0) head(batch, ws, at.x());
        batch.commit();
    }

    /// x (T, hidden) = scaled rows of the table.
    private void embed(Batch batch, float[] row, Tensor x) {
        for (int r = 0; r < batch.rows(); r++) {
            Quant.decodeRow(embedding, batch.tokens[r], row, 0);
            if (spec.embedScale() != 1) for (int c = 0; c < row.length; c++) row[c] *= spec.embedScale();
            MemorySegment.copy(row, 0, x.data(), Tensor.FLOAT, (long) r * row.length * Float.BYTES, row.length);
        }
    }

    /// x (T, hidden) += o(attention(q, k, v of normed)); keys and values are stored first, then read back.
    private void attend(Layer layer, MixerSpec.Attention spec, Batch batch, int[] positions, Workspace.Rows at) {
        int rows = positions.length;
        apply(layer.q, at.normed(), at.q(), false, routing);
        apply(layer.k, at.normed(), at.k(), false, routing);
        apply(layer.v, at.normed(), at.v(), false, routing);
        if (spec.queryKeyNorm() != null) {
            headNorm(at.q(), rows * spec.heads(), spec, layer.qNorm);
            headNorm(at.k(), rows * spec.kvHeads(), spec, layer.kNorm);
        }
        double magnitude = spec.rope().magnitude();
        kernels.rope().rotate(at.q(), spec.heads(), spec.headDim(), positions, layer.frequencies, magnitude, 1);
        kernels.rope().rotate(at.k(), spec.kvHeads(), spec.headDim(), positions, layer.frequencies, magnitude, 1);
        Attention.Row[] visible = new Attention.Row[rows];
        for (int r = 0; r < rows; r++) {
            CacheStack state = batch.states[r];
            KvSlab slab = state.layer(layer.spec.index());
            slab.put(positions[r], at.k(), at.v(), r);
            int length = positions[r] + 1;
            int first = spec.window() == 0 ? 0 : Math.max(0, length - spec.window());
            visible[r] = new Attention.Row(r, slab.keys(), slab.values(), slab.capacity(), first, length);
        }
        kernels.attention().attend(at.q(), visible, spec.heads(), spec.kvHeads(), spec.headDim(), spec.scale(), at.mixed());
        apply(layer.o, at.mixed(), at.x(), true, routing);
    }

    private void headNorm(Tensor x, int heads, MixerSpec.Attention spec, Tensor weight) {
        Tensor perHead = x.view(heads, spec.headDim());
        kernels.norm().rms(perHead, weight, spec.queryKeyNorm().eps(), spec.queryKeyNorm().weightOffset(), perHead);
    }

    /// x (T, hidden) += down(silu(gate(normed)) * up(normed)).
    private void feedForward(Layer layer, Workspace.Rows at) {
        apply(layer.gate, at.normed(), at.gate(), false, routing);
        apply(layer.up, at.normed(), at.up(), false, routing);
        kernels.activation().swiglu(at.gate(), at.up(), at.gate());
        apply(layer.down, at.gate(), at.x(), true, routing);
    }

    /// logits (L, vocab) of the wanted rows of x (T, hidden).
    private void head(Batch batch, Workspace ws, Tensor x) {
        int count = batch.logitRows();
        if (headSets.length != count) headSets = new AdapterSet[count];
        Tensor wanted = ws.head(count);
        long rowBytes = (long) spec.hidden() * Float.BYTES;
        for (int i = 0; i < count; i++) {
            int source = batch.logitSources[i];
            MemorySegment.copy(x.data(), source * rowBytes, wanted.data(), i * rowBytes, rowBytes);
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
