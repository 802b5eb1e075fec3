// SPDX-License-Identifier: Apache-2.0
package dev.stoa.grad;

import dev.stoa.kernel.Kernels;
import dev.stoa.kernel.SegmentAttention;
import dev.stoa.model.LayerSpec;
import dev.stoa.nn.mixer.MixerSpec;
import dev.stoa.model.ModelSpec;
import dev.stoa.tensor.Tensor;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Function;

/// The training forward pass of a model described by its [ModelSpec]: whole packed samples at once, on a tape.
///
/// What is trained follows from the parameters: those with a gradient. Weights are looked up by canonical name, so the
/// same code trains a base from scratch and adapters on a frozen one. For one thread; kernels use their own workers.
public final class Network {
    private final ModelSpec spec;
    private final Kernels kernels;
    private final Compute compute;
    private final Workspace workspace;
    /// Null when every intermediate result is kept.
    private final Workspace scratch;
    private final Parameter embedding;
    private final Projection head;
    private final Parameter finalNorm;
    private final List<Layer> layers = new ArrayList<>();

    private record Layer(
            LayerSpec spec, Parameter mixerNorm, Projection q, Projection k, Projection v, Projection o, Parameter queryNorm,
            Parameter keyNorm, Parameter ffnNorm, Projection gate, Projection up, Projection down) {}

    /// `projections` maps a module path (`layers.0.self_attn.q_proj`; `lm_head` also when it is tied) to
    /// its matrix, `parameters` a tensor name (`norm.weight`) to its tensor.
    public Network(ModelSpec spec, Function<String, Projection> projections, Function<String, Parameter> parameters,
            Kernels kernels, Workspace workspace) {
        this(spec, projections, parameters, kernels, Compute.plain(kernels), workspace, null);
    }

    /// The same with products of its own choice for frozen matrices and attention. With `scratch`, only the inputs of the
    /// layers are kept for the way back, and each layer is computed again there, in that workspace: the same bits.
    public Network(ModelSpec spec, Function<String, Projection> projections, Function<String, Parameter> parameters,
            Kernels kernels, Compute compute, Workspace workspace, Workspace scratch) {
        this.spec = Trainable.check(spec);
        this.kernels = kernels;
        this.compute = compute;
        this.workspace = workspace;
        this.scratch = scratch;
        embedding = parameters.apply("embed_tokens.weight");
        head = projections.apply("lm_head");
        finalNorm = parameters.apply("norm.weight");
        for (LayerSpec layer : spec.layers()) layers.add(layer(layer, projections, parameters));
    }

    private static Layer layer(LayerSpec layer, Function<String, Projection> projections, Function<String, Parameter> parameters) {
        boolean headNorms = Trainable.attention(layer).queryKeyNorm() != null;
        Function<String, Projection> projection = module -> projections.apply(layer.path(module));
        Function<String, Parameter> norm = module -> parameters.apply(layer.path(module) + ".weight");
        return new Layer(layer, norm.apply("input_layernorm"),
                projection.apply("self_attn.q_proj"), projection.apply("self_attn.k_proj"),
                projection.apply("self_attn.v_proj"), projection.apply("self_attn.o_proj"),
                headNorms ? norm.apply("self_attn.q_norm") : null, headNorms ? norm.apply("self_attn.k_norm") : null,
                norm.apply("post_attention_layernorm"),
                projection.apply("mlp.gate_proj"), projection.apply("mlp.up_proj"), projection.apply("mlp.down_proj"));
    }

    public ModelSpec spec() {
        return spec;
    }

    /// Losses of the batch; adds the gradient of their weighted sum to the parameters.
    public LossRows accumulate(PackedSamples batch) {
        return run(batch, true);
    }

    /// Losses of the batch; gradients stay as they are.
    public LossRows measure(PackedSamples batch) {
        return run(batch, false);
    }

    private LossRows run(PackedSamples batch, boolean training) {
        workspace.reset();
        int[] rows = batch.trainedRows();
        int[] targets = new int[rows.length];
        float[] hard = new float[rows.length], soft = new float[rows.length];
        boolean anySoft = false;
        for (int i = 0; i < rows.length; i++) {
            targets[i] = batch.ids()[rows[i] + 1];
            hard[i] = batch.hard()[rows[i]];
            soft[i] = batch.soft()[rows[i]];
            anySoft |= soft[i] != 0;
        }
        Tensor base = anySoft ? baseHidden(batch) : null;
        Tape tape = new Tape(kernels, compute, workspace, training);
        Value hidden = hidden(tape, batch, rows, true);
        LossRows losses = HeadLoss.apply(tape, hidden, head, base, rows, targets, hard, soft);
        tape.backward();
        return losses;
    }

    /// Normed hidden states (S, H) of the model without its updates at the rows with a KL term, from the samples that
    /// have one.
    private Tensor baseHidden(PackedSamples batch) {
        PackedSamples soft = batch.softSamples();
        return hidden(new Tape(kernels, compute, workspace, false), soft, soft.trainedRows(), false).data();
    }

    /// Normed hidden states of `rows`. Nothing after the last layer's attention reads another row, so the rest of that
    /// layer runs on these alone.
    private Value hidden(Tape tape, PackedSamples batch, int[] rows, boolean updates) {
        Value x = Rows.embed(tape, embedding, batch.ids(), spec.embedScale());
        for (Layer layer : layers) {
            if (scratch == null) x = layer(tape, layer, x, batch, rows, updates);
            else x = Recomputed.apply(tape, scratch, x, (own, in) -> layer(own, layer, in, batch, rows, updates));
        }
        return RmsNorm.apply(tape, x, finalNorm, spec.finalNorm());
    }

    private Value layer(Tape tape, Layer layer, Value x, PackedSamples batch, int[] rows, boolean updates) {
        Value mixed = attend(tape, layer, x, batch, updates);
        if (layer == layers.getLast()) {
            mixed = Rows.select(tape, mixed, rows);
            x = Rows.select(tape, x, rows);
        }
        x = Linear.apply(tape, mixed, layer.o(), x, updates);
        return feedForward(tape, layer, x, updates);
    }

    /// The mixer's output (T, heads * headDim) before its output projection.
    private Value attend(Tape tape, Layer layer, Value x, PackedSamples batch, boolean updates) {
        Value normed = RmsNorm.apply(tape, x, layer.mixerNorm(), layer.spec().mixerNorm());
        MixerSpec.Attention attention = Trainable.attention(layer.spec());
        Value q = Linear.apply(tape, normed, layer.q(), null, updates);
        Value k = Linear.apply(tape, normed, layer.k(), null, updates);
        Value v = Linear.apply(tape, normed, layer.v(), null, updates);
        if (attention.queryKeyNorm() != null) {
            q = RmsNorm.apply(tape, q, layer.queryNorm(), attention.queryKeyNorm());
            k = RmsNorm.apply(tape, k, layer.keyNorm(), attention.queryKeyNorm());
        }
        q = Rotary.apply(tape, q, batch.positions(), attention.headDim(), attention.rope());
        k = Rotary.apply(tape, k, batch.positions(), attention.headDim(), attention.rope());
        return Attend.apply(tape, q, k, v, batch.starts(), new SegmentAttention.Heads(attention.heads(),
                attention.kvHeads(), attention.headDim(), attention.scale(), attention.window()));
    }

    private Value feedForward(Tape tape, Layer layer, Value x, boolean updates) {
        Value normed = RmsNorm.apply(tape, x, layer.ffnNorm(), layer.spec().ffnNorm());
        Value gate = Linear.apply(tape, normed, layer.gate(), null, updates);
        Value up = Linear.apply(tape, normed, layer.up(), null, updates);
        return Linear.apply(tape, SwiGlu.apply(tape, gate, up), layer.down(), x, updates);
    }
}
