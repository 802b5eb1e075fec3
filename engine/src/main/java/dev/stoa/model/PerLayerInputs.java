// SPDX-License-Identifier: Apache-2.0
package dev.stoa.model;

import dev.stoa.kernel.Kernels;
import dev.stoa.nn.Buffers;
import dev.stoa.nn.Linear;
import dev.stoa.nn.NormSpec;
import dev.stoa.nn.Nonlinearity;
import dev.stoa.nn.Norms;
import dev.stoa.nn.Projections;
import dev.stoa.quant.Quant;
import dev.stoa.tensor.Tensor;

/// The second stream of small inputs that Gemma 4 feeds into every layer: a table row per token and a projection of the
/// embedding, mixed once per pass; each layer gates its share into the residual.
final class PerLayerInputs {
    private static final int GATE = 0;
    private static final int BRANCH = 1;

    /// What one layer does with its share.
    record Share(Linear gate, Linear projection, Norms norm) {}

    private final Model model;
    private final int width;
    private final Tensor table;
    private final float scale;
    private final Linear projection;
    private final Norms norm;

    PerLayerInputs(Model model, NormSpec spec) {
        this.model = model;
        this.width = model.spec().perLayerInput();
        this.table = model.weight("embed_tokens_per_layer.weight");
        this.scale = model.embedScale("embed_tokens_per_layer.weight", Math.sqrt(width));
        this.projection = model.linear("per_layer_model_projection");
        this.norm = new Norms(spec, model.vector("per_layer_projection_norm.weight"), null);
    }

    static int[] widths(ModelSpec spec) {
        return new int[] {spec.perLayerInput(), spec.hidden()};
    }

    Share share(LayerSpec layer, LayerBuilder builder) {
        return new Share(model.linear(layer.path("per_layer_input_gate")), model.linear(layer.path("per_layer_projection")),
                builder.norm(layer.path("post_per_layer_input_norm"), norm.spec()));
    }

    /// c (T, layers * width) = (RMS(W x * hidden^-1/2) + table[token] * sqrt(width)) / sqrt 2, x (T, hidden) the embeddings.
    void mix(Kernels kernels, Projections projections, int[] tokens, Tensor x, Tensor c) {
        projections.apply(projection, x, c, false);
        double root = 1 / Math.sqrt(x.cols());
        for (long i = 0; i < c.elements(); i++) c.set(i, (float) (c.get(i) * root));
        Tensor perLayer = c.view(c.elements() / width, width);
        norm.apply(kernels, perLayer, perLayer);
        float[] row = new float[c.cols()];
        for (int t = 0; t < c.rows(); t++) {
            Quant.decodeRow(table, tokens[t], row, 0);
            for (int i = 0; i < row.length; i++) {
                long at = (long) t * row.length + i;
                c.set(at, (float) ((c.get(at) + (double) row[i] * scale) * Math.sqrt(0.5)));
            }
        }
    }

    /// x (T, hidden) += norm(project(gelu(gate x) * c_layer)); row t of x is row `rows[t]` of c.
    void add(Kernels kernels, Projections projections, Buffers buffers, Share share, int layer, int[] rows, Tensor c, Tensor x) {
        Tensor gated = buffers.at(GATE, x.rows(), width);
        projections.apply(share.gate(), x, gated, false);
        for (int t = 0; t < x.rows(); t++) {
            long from = (long) rows[t] * c.cols() + (long) layer * width;
            for (int i = 0; i < width; i++) {
                long at = (long) t * width + i;
                gated.set(at, (float) (Nonlinearity.GELU_TANH.apply(gated.get(at)) * c.get(from + i)));
            }
        }
        Tensor branch = buffers.at(BRANCH, x.rows(), x.cols());
        projections.apply(share.projection(), gated, branch, false);
        share.norm().apply(kernels, branch, branch);
        kernels.activation().axpy(1, branch, x);
    }
}
