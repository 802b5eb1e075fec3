// SPDX-License-Identifier: Apache-2.0
package dev.stoa.model;

import dev.stoa.model.CacheCost.Encoding;
import dev.stoa.model.TensorPlan.Binding;
import dev.stoa.model.TensorPlan.Role;
import dev.stoa.tensor.Tensor;
import java.util.Set;

/// What it takes to run a model, to train a LoRA on it, and to train all of it (engine-state.md, section 10). Bytes.
///
/// @param weights of the files
/// @param kv cache of the wanted sequences at the wanted context
/// @param overhead workspace, heap and the rest: a tenth of the weights, at least 1 GiB (128 MiB for models below 1 B parameters)
/// @param loraParameters sum of rank * (in + out) over the adapted matrices
/// @param lora total for training a LoRA, with recomputed activations
/// @param full total for training all weights, 0 when they are quantized
/// @param largestContext most tokens per sequence that fit the limit, rounded down to 256 above 512
public record MemoryFit(long parameters, long weights, long kv, long overhead, long loraParameters, long lora, long full, long largestContext, boolean fits,
        boolean loraFits, boolean fullFits) {
    private static final long GIB = 1L << 30;
    private static final long SMALL_MODEL = 1_000_000_000L;
    /// float weight, gradient and two moments
    private static final int TRAINED_BYTES = 16;
    private static final int HEAD_ROWS = 128;
    private static final int ROUNDING = 256;

    /// The wish: bytes there are, tokens per sequence, sequences, rank and the leaf names of adapted modules (empty: all linear
    /// layers of the blocks), how the cache is stored, prefill chunk.
    public record Wish(long limit, long context, int batch, int rank, Set<String> targets, Encoding kv, int chunk) {
        public Wish {
            targets = Set.copyOf(targets);
            if (limit < 1 || context < 1 || batch < 1 || rank < 1 || chunk < 1) throw new IllegalArgumentException("nothing is wished for");
        }
    }

    /// `weights` are the bytes of the files, or what [#estimated] says; `plainFloats` whether none is quantized.
    public static MemoryFit of(ModelSpec spec, long weights, boolean plainFloats, Wish wish) {
        long parameters = parameters(spec);
        CacheCost cost = CacheCost.of(spec, wish.kv());
        long context = Math.min(wish.context(), spec.maxContext());
        long kv = wish.batch() * cost.bytes(context, wish.chunk());
        long overhead = Math.max(parameters < SMALL_MODEL ? GIB / 8 : GIB, weights / 10);
        long adapter = loraParameters(spec, wish.rank(), wish.targets());
        long total = weights + kv + overhead;
        long lora = weights + TRAINED_BYTES * adapter + activations(spec, wish.batch() * context, wish) + kv + overhead;
        long full = plainFloats ? 6 * weights + kv + overhead : 0;
        long room = (wish.limit() - weights - overhead) / wish.batch();
        long most = cost.tokens(room, wish.chunk(), spec.maxContext());
        return new MemoryFit(parameters, weights, kv, overhead, adapter, lora, full, most > 2 * ROUNDING ? most / ROUNDING * ROUNDING : most,
                total <= wish.limit(), lora <= wish.limit(), full > 0 && full <= wish.limit());
    }

    public long total() {
        return weights + kv + overhead;
    }

    /// Values of all tensors.
    public static long parameters(ModelSpec spec) {
        long sum = 0;
        for (Binding binding : TensorPlan.of(spec)) sum = Math.addExact(sum, Tensor.elements(binding.shape()));
        return sum;
    }

    /// Bytes of a model that is not there: `bits` per weight, and for groups (0: none) a scale and a bias of 16 bits each.
    public static long estimated(ModelSpec spec, double bits, int group) {
        return (long) Math.ceil(parameters(spec) * (bits + (group > 0 ? 32.0 / group : 0)) / 8);
    }

    /// Parameters of a LoRA of a rank on the linear layers whose last name is among `targets`; head and routers only by name.
    public static long loraParameters(ModelSpec spec, int rank, Set<String> targets) {
        long sum = 0;
        for (Binding binding : TensorPlan.of(spec)) {
            if (binding.role() != Role.LINEAR) continue;
            String path = binding.name().substring(0, binding.name().lastIndexOf('.'));
            String leaf = path.substring(path.lastIndexOf('.') + 1);
            boolean usual = path.startsWith("layers.") && !leaf.equals("gate") && !leaf.equals("shared_expert_gate") && !path.endsWith("router.proj");
            if (targets.isEmpty() ? usual : targets.contains(leaf)) sum += rank * (binding.shape()[0] + binding.shape()[1]);
        }
        return sum;
    }

    /// training.md, section 4, with the layers' activations computed again on the way back: the input of every layer, one
    /// layer's inside, and 128 rows of logits twice.
    private static long activations(ModelSpec spec, long tokens, Wish wish) {
        long widest = 0;
        for (LayerSpec layer : spec.layers()) widest = Math.max(widest, inside(spec, layer, wish));
        long head = spec.head() == null ? 0 : 2L * HEAD_ROWS * spec.vocab() * Float.BYTES;
        return Float.BYTES * tokens * ((long) spec.hidden() * spec.layers().size() + widest) + head;
    }

    private static long inside(ModelSpec spec, LayerSpec layer, Wish wish) {
        long queries = spec.hidden();
        long keys = spec.hidden();
        long heads = 1;
        if (layer.mixer() instanceof dev.stoa.nn.mixer.MixerSpec.Attention a) {
            queries = (long) a.heads() * a.headDim();
            keys = (long) a.kvHeads() * a.headDim();
            heads = a.heads();
        }
        long active = switch (layer.ffn()) {
            case FeedForward.Gated gated -> gated.intermediate();
            case FeedForward.Plain plain -> plain.intermediate();
            case FeedForward.Moe moe -> moe(moe);
            case FeedForward.DensePlusMoe both -> both.dense().intermediate() + moe(both.moe());
            case FeedForward.None ignored -> 0;
        };
        long ranks = 7L * wish.rank();
        return 3L * spec.hidden() + 2 * queries + 2 * keys + 2 * active + heads + ranks;
    }

    private static long moe(FeedForward.Moe moe) {
        return (long) moe.router().topK() * moe.intermediate() + moe.sharedIntermediate();
    }
}
