// SPDX-License-Identifier: Apache-2.0
package dev.stoa.model;

import dev.stoa.adapter.AdapterSet;
import dev.stoa.cache.LayerState;
import dev.stoa.cache.StateShape;
import dev.stoa.kernel.Attention;
import dev.stoa.kernel.Kernels;
import dev.stoa.nn.Buffers;
import dev.stoa.nn.FeedForwardBlock;
import dev.stoa.nn.FeedForwardCall;
import dev.stoa.nn.Linear;
import dev.stoa.nn.Norms;
import dev.stoa.nn.mixer.Mixer;
import dev.stoa.nn.mixer.MixerCall;
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
    /// One layer's parts; norms, `ffn` and `share` are null where the layer has none, `scale` is 1.
    private record Layer(LayerSpec spec, Mixer mixer, Norms mixerNorm, Norms mixerPostNorm, FeedForwardBlock ffn, Norms ffnNorm,
            Norms ffnPostNorm, PerLayerInputs.Share share, float scale) {
        boolean post() {
            return spec.residual() == LayerSpec.Residual.POST;
        }
    }

    private final ModelSpec spec;
    private final Kernels kernels;
    private final Attention attention;
    private final Layer[] layers;
    private final Tensor embedding;
    private final float embedScale;
    private final Tensor positions;
    private final Tensor tokenTypes;
    private final Norms embedNorm;
    private final PerLayerInputs perLayer;
    private final Norms finalNorm;
    private final Linear head;
    private final AdapterRouting routing;
    private final AdapterRouting headRouting;
    private final AdapterRouting keptRouting;
    private final RoutedProjections projections;
    private final RoutedProjections headProjections;
    private final RoutedProjections keptProjections;
    private AdapterSet[] headSets = {};
    private AdapterSet[] keptSets = {};

    public Decoder(Model model) {
        this(model, null);
    }

    /// A decoder that shows the inputs of every linear layer to `observer`.
    public Decoder(Model model, LinearObserver observer) {
        this.spec = model.spec();
        this.kernels = model.kernels();
        this.attention = model.rounds() ? kernels.roundedAttention() : kernels.attention();
        LayerBuilder builder = new LayerBuilder(model);
        this.perLayer = spec.perLayerInput() == 0 ? null : new PerLayerInputs(model, spec.finalNorm());
        this.layers = spec.layers().stream().map(layer -> layer(layer, model, builder)).toArray(Layer[]::new);
        this.embedding = model.weight("embed_tokens.weight");
        this.embedScale = model.embedScale("embed_tokens.weight", spec.embedScale());
        this.positions = model.vector("embed_positions.weight");
        this.tokenTypes = model.vector("embed_token_types.weight");
        this.embedNorm = builder.norm("embed_norm", spec.embed().norm());
        this.finalNorm = builder.norm("norm", spec.finalNorm());
        this.head = spec.head() == null ? null : model.linear("lm_head");
        this.routing = new AdapterRouting(model);
        this.headRouting = new AdapterRouting(model);
        this.keptRouting = new AdapterRouting(model);
        this.projections = new RoutedProjections(kernels, routing, observer);
        this.headProjections = new RoutedProjections(kernels, headRouting, observer);
        this.keptProjections = new RoutedProjections(kernels, keptRouting, observer);
    }

    private Layer layer(LayerSpec layer, Model model, LayerBuilder builder) {
        return new Layer(layer, builder.mixer(layer), builder.norm(layer.mixerNormPath(), layer.mixerNorm()),
                builder.norm(layer.mixerPostNormPath(), layer.mixerPostNorm()), builder.feedForward(layer),
                builder.norm(layer.ffnNormPath(), layer.ffnNorm()), builder.norm(layer.ffnPostNormPath(), layer.ffnPostNorm()),
                layer.perLayerInput() == 0 ? null : perLayer.share(layer, builder),
                layer.outputScale() ? model.vector(layer.path("layer_scalar")).get(0) : 1);
    }

    /// What each layer keeps of a sequence, for a cache.
    public List<StateShape> cacheShapes() {
        List<StateShape> shapes = new ArrayList<>();
        for (Layer layer : layers) shapes.add(layer.mixer.stateShape());
        return shapes;
    }

    /// Buffers for batches of at most `maxRows` rows, `maxLogitRows` of them with logits.
    public Workspace workspace(int maxRows, int maxLogitRows, Scope scope) {
        List<int[]> widths = new ArrayList<>(List.of(PerLayerInputs.widths(spec)));
        for (Layer layer : layers) {
            widths.add(layer.mixer.widths());
            if (layer.ffn != null) widths.add(layer.ffn.widths());
        }
        return new Workspace(spec, Buffers.widest(widths), maxRows, maxLogitRows, scope);
    }

    /// The rows still computed: their places in the batch (rising) and positions, the length their sequence will have,
    /// their buffers, their adapters.
    private record Live(int[] rows, int[] positions, int[] lengths, Workspace.Rows at, RoutedProjections projections) {
        int indexOf(int row) {
            return Arrays.binarySearch(rows, row);
        }
    }

    /// Runs all rows (T) of `batch` through the layers they need, appends to their states what later tokens need, and
    /// leaves logits (L, vocab) of the wanted rows in `ws` and wanted residuals in `batch`. If it throws, the states
    /// are still what they were.
    ///
    /// In the last layer only what later tokens need is computed of a row that wants nothing: the others go on alone.
    public void forward(Batch batch, Workspace ws) {
        int rows = batch.rows();
        if (rows == 0) return;
        routing.arrange(batch.adapters, rows);
        Live live = new Live(IntStream.range(0, rows).toArray(), Arrays.copyOf(batch.positions, rows), batch.lengths(), ws.rows(rows), projections);
        embed(batch, ws.embedding, live.at());
        for (int i = 0; i < batch.depth(); i++) {
            Layer layer = layers[i];
            boolean last = i == batch.depth() - 1;
            if (!layer.post()) layer.mixerNorm.apply(kernels, live.at().x(), live.at().normed());
            if (layer.mixer.remembersApart()) {
                layer.mixer.remember(call(layer, batch, live, ws));
                if (last) live = narrow(live, batch, ws);
                if (live.rows().length > 0) mix(layer, batch, live, ws);
            } else {
                mix(layer, batch, live, ws);
                if (last) live = narrow(live, batch, ws);
            }
            if (live.rows().length == 0) break;
            feedForward(layer, live, ws);
            if (layer.share != null) {
                perLayer.add(kernels, live.projections(), ws.buffers, layer.share, i, live.rows(), ws.rows(rows).perLayer(), live.at().x());
            }
            if (layer.scale != 1) scale(live.at().x(), layer.scale);
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
        if (kept.length == 0) return new Live(kept, kept, kept, null, projections);
        long rowBytes = (long) spec.hidden() * Float.BYTES;
        int[] positions = new int[kept.length];
        int[] lengths = new int[kept.length];
        if (keptSets.length != kept.length) keptSets = new AdapterSet[kept.length];
        for (int i = 0; i < kept.length; i++) {
            // Rising places: a row never overwrites one that is still to be moved.
            for (Tensor tensor : new Tensor[] {live.at().x(), live.at().normed()}) {
                MemorySegment.copy(tensor.data(), kept[i] * rowBytes, tensor.data(), i * rowBytes, rowBytes);
            }
            positions[i] = batch.positions[kept[i]];
            lengths[i] = live.lengths()[kept[i]];
            keptSets[i] = batch.adapters[kept[i]];
        }
        keptRouting.arrange(keptSets, kept.length);
        return new Live(kept, positions, lengths, ws.rows(kept.length), keptProjections);
    }

    /// x (T, hidden) = scaled rows of the table, plus learned positions and token type, normed where the family does so.
    private void embed(Batch batch, float[] row, Workspace.Rows at) {
        Tensor x = at.x();
        for (int r = 0; r < batch.rows(); r++) {
            Quant.decodeRow(embedding, batch.tokens[r], row, 0);
            if (embedScale != 1) for (int c = 0; c < row.length; c++) row[c] *= embedScale;
            long place = (long) r * row.length;
            if (positions != null) add(positions, batch.positions[r] + spec.embed().firstPosition(), row);
            if (tokenTypes != null) add(tokenTypes, 0, row);
            MemorySegment.copy(row, 0, x.data(), Tensor.FLOAT, place * Float.BYTES, row.length);
        }
        projections.addToEmbeddings(batch.tokens, embedScale, x);
        if (embedNorm != null) embedNorm.apply(kernels, x, x);
        if (perLayer != null) perLayer.mix(kernels, projections, batch.tokens, x, at.perLayer());
    }

    private static void add(Tensor table, int index, float[] row) {
        for (int c = 0; c < row.length; c++) row[c] += table.get((long) index * row.length + c);
    }

    private MixerCall call(Layer layer, Batch batch, Live live, Workspace ws) {
        LayerState[] states = new LayerState[live.rows().length];
        for (int r = 0; r < states.length; r++) states[r] = batch.states[live.rows()[r]].layer(layer.spec.index());
        boolean apart = layer.mixerPostNorm != null;
        return new MixerCall(layer.post() ? live.at().x() : live.at().normed(), apart ? live.at().branch() : live.at().x(), !apart,
                live.positions(), live.lengths(), states, live.projections(), ws.buffers, kernels, attention);
    }

    /// x (T, hidden) += what the layer's mixer makes of the rows.
    private void mix(Layer layer, Batch batch, Live live, Workspace ws) {
        layer.mixer.mix(call(layer, batch, live, ws));
        if (layer.mixerPostNorm != null) addNormed(layer.mixerPostNorm, live);
        if (layer.post()) layer.mixerNorm.apply(kernels, live.at().x(), live.at().x());
    }

    /// x (T, hidden) += what the layer's feed-forward block makes of each row.
    private void feedForward(Layer layer, Live live, Workspace ws) {
        if (layer.ffn == null) return;
        Workspace.Rows at = live.at();
        if (!layer.post()) layer.ffnNorm.apply(kernels, at.x(), at.normed());
        boolean apart = layer.ffnPostNorm != null;
        layer.ffn.run(new FeedForwardCall(layer.post() ? at.x() : at.normed(), at.x(), apart ? at.branch() : at.x(), !apart,
                live.projections(), ws.buffers, kernels));
        if (apart) addNormed(layer.ffnPostNorm, live);
        if (layer.post()) layer.ffnNorm.apply(kernels, at.x(), at.x());
    }

    private void addNormed(Norms norm, Live live) {
        norm.apply(kernels, live.at().branch(), live.at().branch());
        kernels.activation().axpy(1, live.at().branch(), live.at().x());
    }

    private static void scale(Tensor x, float factor) {
        for (long i = 0; i < x.elements(); i++) x.set(i, x.get(i) * factor);
    }

    /// logits (L, vocab) of the wanted rows.
    private void head(Batch batch, Workspace ws, Live live) {
        if (head == null) throw new IllegalArgumentException("a " + spec.modelType() + " model has no logits");
        int count = batch.logitRows();
        if (headSets.length != count) headSets = new AdapterSet[count];
        Tensor wanted = ws.head(count);
        long rowBytes = (long) spec.hidden() * Float.BYTES;
        for (int i = 0; i < count; i++) {
            int source = batch.logitSources[i];
            MemorySegment.copy(live.at().x().data(), live.indexOf(source) * rowBytes, wanted.data(), i * rowBytes, rowBytes);
            headSets[i] = batch.adapters[source];
        }
        finalNorm.apply(kernels, wanted, wanted);
        headRouting.arrange(headSets, count);
        Tensor logits = ws.logits(count);
        headProjections.apply(head, wanted, logits, false);
        float cap = spec.head().softcap();
        if (cap != 0) for (long i = 0; i < logits.elements(); i++) logits.set(i, (float) (cap * Math.tanh(logits.get(i) / cap)));
    }
}
