// SPDX-License-Identifier: Apache-2.0
package dev.stoa.nn.mixer;

import dev.stoa.cache.KvShape;
import dev.stoa.cache.KvSlab;
import dev.stoa.cache.StateShape;
import dev.stoa.nn.Linear;
import dev.stoa.nn.Rotation;
import dev.stoa.tensor.Tensor;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/// Attention over chosen blocks of `block_size` tokens. MoBA (Lu et al., 2502.13189): the own block, causal inside, and the
/// top `top_k` strictly earlier blocks by q . mean(K_b). NSA (Yuan et al., 2502.11089): the sum, each gated by a sigmoid, of
/// attention over means of complete blocks, over the own and the best `num_selected` - 1 complete earlier blocks (scores
/// summed over the heads of a kv head), and over the last `window` tokens. What a token sees is defined by its position
/// alone, never by the length of the sequence, so any cut gives the same bits.
public final class BlockAttention implements Mixer {
    private static final int QUERIES = 0;
    private static final int KEYS = 1;
    private static final int VALUES = 2;
    private static final int MIXED = 3;
    private static final int GATES = 4;

    private final MixerConfig config;
    private final boolean nsa;
    private final int block;
    private final int chosen;
    private final int window;
    private final Linear q;
    private final Linear k;
    private final Linear v;
    private final Linear o;
    private final Linear gates;
    private final Rotation rotation;

    private BlockAttention(MixerBuildContext context, boolean nsa) {
        config = context.config();
        this.nsa = nsa;
        block = config.integer("block_size", 64, 1);
        chosen = nsa ? config.integer("num_selected", 16, 1) - 1 : config.integer("top_k", 3, 0);
        window = nsa ? config.integer("window", 512, 1) : 0;
        q = context.linear("q_proj");
        k = context.linear("k_proj");
        v = context.linear("v_proj");
        o = context.linear("o_proj");
        gates = nsa ? context.linear("g_proj") : null;
        rotation = config.rope() == null ? null : new Rotation(config.rope());
    }

    private static List<MixerTensor> tensors(MixerConfig c, boolean nsa) {
        long queries = (long) c.heads() * c.headDim();
        long keys = (long) c.kvHeads() * c.headDim();
        List<MixerTensor> tensors = new ArrayList<>(List.of(MixerTensor.linear("q_proj", queries, c.hidden()),
                MixerTensor.linear("k_proj", keys, c.hidden()), MixerTensor.linear("v_proj", keys, c.hidden()),
                MixerTensor.linear("o_proj", c.hidden(), queries)));
        if (nsa) tensors.add(MixerTensor.linear("g_proj", c.flag("shared_gates", false) ? 3 : 3L * c.heads(), c.hidden()));
        return tensors;
    }

    /// Registers the kind `nsa`.
    public static final class Nsa implements MixerProvider {
        @Override
        public String kind() {
            return "nsa";
        }

        @Override
        public List<MixerTensor> tensors(MixerConfig config) {
            return BlockAttention.tensors(config, true);
        }

        @Override
        public Mixer build(MixerBuildContext context) {
            return new BlockAttention(context, true);
        }
    }

    /// Registers the kind `moba`.
    public static final class Moba implements MixerProvider {
        @Override
        public String kind() {
            return "moba";
        }

        @Override
        public List<MixerTensor> tensors(MixerConfig config) {
            return BlockAttention.tensors(config, false);
        }

        @Override
        public Mixer build(MixerBuildContext context) {
            return new BlockAttention(context, false);
        }
    }

    @Override
    public StateShape stateShape() {
        return KvShape.blocks(config.kvHeads(), config.headDim());
    }

    @Override
    public int[] widths() {
        return new int[] {q.outputs(), k.outputs(), v.outputs(), q.outputs(), gates == null ? 0 : gates.outputs()};
    }

    @Override
    public boolean remembersApart() {
        return true;
    }

    @Override
    public void remember(MixerCall call) {
        Tensor keys = call.buffers().at(KEYS, call.rows(), k.outputs());
        Tensor values = call.buffers().at(VALUES, call.rows(), v.outputs());
        call.projections().apply(k, call.x(), keys, false);
        call.projections().apply(v, call.x(), values, false);
        if (rotation != null) rotation.apply(call.kernels(), keys, config.kvHeads(), config.headDim(), call.positions());
        for (int r = 0; r < call.rows(); r++) ((KvSlab) call.states()[r]).put(call.positions()[r], keys, values, r);
    }

    @Override
    public void mix(MixerCall call) {
        int rows = call.rows();
        Tensor queries = call.buffers().at(QUERIES, rows, q.outputs());
        call.projections().apply(q, call.x(), queries, false);
        if (rotation != null) rotation.apply(call.kernels(), queries, config.heads(), config.headDim(), call.positions());
        Tensor opening = gates == null ? null : call.buffers().at(GATES, rows, gates.outputs());
        if (gates != null) call.projections().apply(gates, call.x(), opening, false);
        Tensor mixed = call.buffers().at(MIXED, rows, q.outputs());
        call.kernels().workers().parallel(rows * config.kvHeads(), 1, (worker, from, to) -> {
            for (int job = from; job < to; job++) {
                int row = job / config.kvHeads();
                group(new View((KvSlab) call.states()[row], job % config.kvHeads()), queries, row, call.positions()[row], opening, mixed);
            }
        });
        call.projections().apply(o, mixed, call.y(), call.accumulate());
    }

    /// Keys and values of one kv head.
    private final class View {
        private final KvSlab slab;
        private final int kv;

        View(KvSlab slab, int kv) {
            this.slab = slab;
            this.kv = kv;
        }

        double key(int token, int channel) {
            return slab.keys().get(Tensor.FLOAT, 4 * (((long) kv * slab.capacity() + token) * config.headDim() + channel));
        }

        double value(int token, int channel) {
            return slab.values().get(Tensor.FLOAT, 4 * (((long) kv * slab.capacity() + token) * config.headDim() + channel));
        }

        double[] mean(int from, int to, boolean keys) {
            double[] mean = new double[config.headDim()];
            for (int t = from; t < to; t++) for (int i = 0; i < mean.length; i++) mean[i] += keys ? key(t, i) : value(t, i);
            for (int i = 0; i < mean.length; i++) mean[i] /= to - from;
            return mean;
        }
    }

    /// All query heads of one kv head, at one position.
    private void group(View view, Tensor queries, int row, int position, Tensor opening, Tensor mixed) {
        int share = config.heads() / config.kvHeads();
        int own = position / block;
        double[][] means = new double[own + 1][];
        int complete = (position + 1) / block;
        for (int b = 0; b < Math.max(own, complete); b++) means[b] = view.mean(b * block, (b + 1) * block, true);
        double[][] q = new double[share][config.headDim()];
        double[][] scores = new double[share][own];
        double[] together = new double[own];
        for (int s = 0; s < share; s++) {
            int head = view.kv * share + s;
            for (int i = 0; i < config.headDim(); i++) q[s][i] = queries.get((long) row * queries.cols() + (long) head * config.headDim() + i);
            for (int b = 0; b < own; b++) {
                scores[s][b] = dot(q[s], means[b]);
                together[b] += scores[s][b];
            }
        }
        for (int s = 0; s < share; s++) {
            int head = view.kv * share + s;
            int[] selected = visible(best(nsa ? together : scores[s]), own, position);
            double[] out = attend(view, q[s], selected);
            if (nsa) {
                double[] compressed = new double[config.headDim()];
                if (complete > 0) compressed = compressed(view, q[s], means, complete);
                int[] recent = range(Math.max(0, position + 1 - window), position + 1);
                double[] near = attend(view, q[s], recent);
                for (int i = 0; i < out.length; i++) {
                    out[i] = open(opening, row, head, 0) * compressed[i] + open(opening, row, head, 1) * out[i] + open(opening, row, head, 2) * near[i];
                }
            }
            for (int i = 0; i < out.length; i++) mixed.set((long) row * mixed.cols() + (long) head * config.headDim() + i, (float) out[i]);
        }
    }

    private double open(Tensor opening, int row, int head, int branch) {
        int index = gates.outputs() == 3 ? branch : 3 * head + branch;
        return 1 / (1 + Math.exp(-opening.get((long) row * gates.outputs() + index)));
    }

    private static double dot(double[] a, double[] b) {
        double sum = 0;
        for (int i = 0; i < a.length; i++) sum += a[i] * b[i];
        return sum;
    }

    /// The best earlier blocks, ties to the lower index, rising.
    private int[] best(double[] scores) {
        int[] best = new int[Math.min(chosen, scores.length)];
        boolean[] taken = new boolean[scores.length];
        for (int i = 0; i < best.length; i++) {
            int winner = -1;
            for (int b = 0; b < scores.length; b++) if (!taken[b] && (winner < 0 || scores[b] > scores[winner])) winner = b;
            taken[best[i] = winner] = true;
        }
        Arrays.sort(best);
        return best;
    }

    /// Tokens of the chosen blocks and of the own block up to `position`.
    private int[] visible(int[] blocks, int own, int position) {
        int[] tokens = new int[blocks.length * block + position + 1 - own * block];
        int count = 0;
        for (int b : blocks) for (int t = b * block; t < (b + 1) * block; t++) tokens[count++] = t;
        for (int t = own * block; t <= position; t++) tokens[count++] = t;
        return tokens;
    }

    private static int[] range(int from, int to) {
        int[] tokens = new int[to - from];
        for (int i = 0; i < tokens.length; i++) tokens[i] = from + i;
        return tokens;
    }

    private double[] attend(View view, double[] q, int[] tokens) {
        double[] scores = new double[tokens.length];
        for (int t = 0; t < tokens.length; t++) for (int i = 0; i < q.length; i++) scores[t] += q[i] * view.key(tokens[t], i);
        softmax(scores, q.length);
        double[] out = new double[q.length];
        for (int t = 0; t < tokens.length; t++) for (int i = 0; i < out.length; i++) out[i] += scores[t] * view.value(tokens[t], i);
        return out;
    }

    private double[] compressed(View view, double[] q, double[][] means, int complete) {
        double[] scores = new double[complete];
        for (int b = 0; b < complete; b++) scores[b] = dot(q, means[b]);
        softmax(scores, q.length);
        double[] out = new double[q.length];
        for (int b = 0; b < complete; b++) {
            double[] mean = view.mean(b * block, (b + 1) * block, false);
            for (int i = 0; i < out.length; i++) out[i] += scores[b] * mean[i];
        }
        return out;
    }

    private static void softmax(double[] scores, int dim) {
        double max = Double.NEGATIVE_INFINITY;
        for (int i = 0; i < scores.length; i++) max = Math.max(max, scores[i] /= Math.sqrt(dim));
        double total = 0;
        for (int i = 0; i < scores.length; i++) total += scores[i] = Math.exp(scores[i] - max);
        for (int i = 0; i < scores.length; i++) scores[i] /= total;
    }
}
