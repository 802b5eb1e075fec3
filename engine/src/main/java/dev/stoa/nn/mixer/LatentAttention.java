// SPDX-License-Identifier: Apache-2.0
package dev.stoa.nn.mixer;

import dev.stoa.cache.KvShape;
import dev.stoa.cache.KvSlab;
import dev.stoa.cache.StateShape;
import dev.stoa.nn.Linear;
import dev.stoa.nn.Rotation;
import dev.stoa.tensor.Tensor;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;

/// Multi-head latent attention (DeepSeek-V2, 2405.04434): keys and values are expanded from a small latent per token, which
/// is all that is stored, next to a rotated key part that all heads share. [K|V] stand interleaved per head in kv_b_proj, or
/// apart in k_b_proj and v_b_proj. Config: q_lora_rank, kv_lora_rank, qk_nope_head_dim, qk_rope_head_dim, v_head_dim.
public final class LatentAttention implements Mixer {
    private static final int QUERY_LATENT = 0;
    private static final int QUERIES = 1;
    private static final int LATENT = 2;
    private static final int MIXED = 3;

    private record Sizes(int heads, int queryRank, int rank, int nope, int rope, int value) {
        static Sizes of(MixerConfig c) {
            return new Sizes(c.heads(), c.integer("q_lora_rank", 0, 1), c.integer("kv_lora_rank", 0, 1),
                    c.integer("qk_nope_head_dim", c.headDim(), 1), c.integer("qk_rope_head_dim", 0, 0), c.integer("v_head_dim", c.headDim(), 1));
        }
    }

    /// Registers the kind `mla`.
    public static final class Provider implements MixerProvider {
        @Override
        public String kind() {
            return "mla";
        }

        @Override
        public List<MixerTensor> tensors(MixerConfig c) {
            Sizes s = Sizes.of(c);
            List<MixerTensor> tensors = new ArrayList<>();
            tensors.add(MixerTensor.linear("q_a_proj", s.queryRank, c.hidden()));
            tensors.add(MixerTensor.linear("q_b_proj", (long) s.heads * (s.nope + s.rope), s.queryRank));
            tensors.add(MixerTensor.linear("kv_a_proj", (long) s.rank + s.rope, c.hidden()));
            if (c.flag("separate_kv", false)) {
                tensors.add(MixerTensor.linear("k_b_proj", (long) s.heads * s.nope, s.rank));
                tensors.add(MixerTensor.linear("v_b_proj", (long) s.heads * s.value, s.rank));
            } else {
                tensors.add(MixerTensor.linear("kv_b_proj", (long) s.heads * (s.nope + s.value), s.rank));
            }
            tensors.add(MixerTensor.linear("o_proj", c.hidden(), (long) s.heads * s.value));
            return tensors;
        }

        @Override
        public Mixer build(MixerBuildContext context) {
            return new LatentAttention(context);
        }
    }

    private final Sizes sizes;
    private final Linear queryDown;
    private final Linear queryUp;
    private final Linear down;
    private final Linear up;
    private final Linear keyUp;
    private final Linear valueUp;
    private final Linear out;
    private final Rotation rotation;

    private LatentAttention(MixerBuildContext context) {
        sizes = Sizes.of(context.config());
        boolean separate = context.config().flag("separate_kv", false);
        queryDown = context.linear("q_a_proj");
        queryUp = context.linear("q_b_proj");
        down = context.linear("kv_a_proj");
        up = separate ? null : context.linear("kv_b_proj");
        keyUp = separate ? context.linear("k_b_proj") : null;
        valueUp = separate ? context.linear("v_b_proj") : null;
        out = context.linear("o_proj");
        rotation = sizes.rope == 0 || context.config().rope() == null ? null : new Rotation(context.config().rope());
    }

    @Override
    public StateShape stateShape() {
        return KvShape.latent(sizes.rank + sizes.rope);
    }

    @Override
    public int[] widths() {
        return new int[] {sizes.queryRank, queryUp.outputs(), down.outputs(), out.inputs()};
    }

    @Override
    public boolean remembersApart() {
        return true;
    }

    @Override
    public void remember(MixerCall call) {
        Tensor latent = call.buffers().at(LATENT, call.rows(), down.outputs());
        call.projections().apply(down, call.x(), latent, false);
        if (rotation != null) rotate(call, latent, 1, latent.cols(), sizes.rank);
        for (int r = 0; r < call.rows(); r++) ((KvSlab) call.states()[r]).put(call.positions()[r], latent, null, r);
    }

    /// Rotates the `rope` channels after `skip` of each head of `width`.
    private void rotate(MixerCall call, Tensor x, int heads, int width, int skip) {
        Tensor part = Tensor.of(new float[x.rows() * heads * sizes.rope], x.rows(), (long) heads * sizes.rope);
        long bytes = 4L * sizes.rope;
        for (long h = 0; h < (long) x.rows() * heads; h++) MemorySegment.copy(x.data(), 4L * (h * width + skip), part.data(), h * bytes, bytes);
        rotation.apply(call.kernels(), part, heads, sizes.rope, call.positions());
        for (long h = 0; h < (long) x.rows() * heads; h++) MemorySegment.copy(part.data(), h * bytes, x.data(), 4L * (h * width + skip), bytes);
    }

    @Override
    public void mix(MixerCall call) {
        int rows = call.rows();
        Tensor compressed = call.buffers().at(QUERY_LATENT, rows, sizes.queryRank);
        call.projections().apply(queryDown, call.x(), compressed, false);
        Tensor queries = call.buffers().at(QUERIES, rows, queryUp.outputs());
        call.projections().apply(queryUp, compressed, queries, false);
        int width = sizes.nope + sizes.rope;
        if (rotation != null) rotate(call, queries, sizes.heads, width, sizes.nope);
        Tensor mixed = call.buffers().at(MIXED, rows, out.inputs());
        for (int from = 0; from < rows; from = call.endOfSequence(from)) {
            int first = from;
            int to = call.endOfSequence(from);
            Expanded expanded = expand(call, from, call.positions()[to - 1] + 1);
            call.kernels().workers().parallel((to - from) * sizes.heads, 1, (worker, j0, j1) -> {
                for (int j = j0; j < j1; j++) {
                    int row = first + j / sizes.heads;
                    head(queries, row, call.positions()[row] + 1, j % sizes.heads, expanded, mixed);
                }
            });
        }
        call.projections().apply(out, mixed, call.y(), call.accumulate());
    }

    /// Keys (L, heads, nope), values (L, heads, value) and shared rotated keys (L, rope) of one sequence.
    private record Expanded(Tensor keys, int keyStride, Tensor values, int valueStride, int valueOffset, Tensor shared) {}

    private Expanded expand(MixerCall call, int row, int length) {
        KvSlab slab = (KvSlab) call.states()[row];
        int stored = sizes.rank + sizes.rope;
        Tensor latents = Tensor.of(new float[length * sizes.rank], length, sizes.rank);
        Tensor shared = Tensor.of(new float[length * sizes.rope], length, sizes.rope);
        for (int t = 0; t < length; t++) {
            MemorySegment.copy(slab.keys(), 4L * t * stored, latents.data(), 4L * t * sizes.rank, 4L * sizes.rank);
            MemorySegment.copy(slab.keys(), 4L * (t * stored + sizes.rank), shared.data(), 4L * t * sizes.rope, 4L * sizes.rope);
        }
        if (up != null) {
            Tensor both = applied(call, row, up, latents);
            return new Expanded(both, sizes.nope + sizes.value, both, sizes.nope + sizes.value, sizes.nope, shared);
        }
        return new Expanded(applied(call, row, keyUp, latents), sizes.nope, applied(call, row, valueUp, latents), sizes.value, 0, shared);
    }

    private static Tensor applied(MixerCall call, int row, Linear linear, Tensor x) {
        Tensor y = Tensor.of(new float[x.rows() * linear.outputs()], x.rows(), linear.outputs());
        call.projections().applyAs(row, linear, x, y);
        return y;
    }

    private void head(Tensor queries, int row, int length, int h, Expanded e, Tensor mixed) {
        int width = sizes.nope + sizes.rope;
        long q = (long) row * queries.cols() + (long) h * width;
        double scale = 1 / Math.sqrt(width);
        double[] scores = new double[length];
        double max = Double.NEGATIVE_INFINITY;
        for (int t = 0; t < length; t++) {
            long key = (long) t * e.keys.cols() + (long) h * e.keyStride;
            double dot = 0;
            for (int i = 0; i < sizes.nope; i++) dot += (double) queries.get(q + i) * e.keys.get(key + i);
            for (int i = 0; i < sizes.rope; i++) dot += (double) queries.get(q + sizes.nope + i) * e.shared.get((long) t * sizes.rope + i);
            max = Math.max(max, scores[t] = dot * scale);
        }
        double[] sum = new double[sizes.value];
        double total = 0;
        for (int t = 0; t < length; t++) {
            double weight = Math.exp(scores[t] - max);
            total += weight;
            long value = (long) t * e.values.cols() + (long) h * e.valueStride + e.valueOffset;
            for (int j = 0; j < sum.length; j++) sum[j] += weight * e.values.get(value + j);
        }
        for (int j = 0; j < sum.length; j++) mixed.set((long) row * mixed.cols() + (long) h * sizes.value + j, (float) (sum[j] / total));
    }
}
