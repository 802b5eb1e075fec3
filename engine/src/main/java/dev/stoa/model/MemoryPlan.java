// SPDX-License-Identifier: Apache-2.0
package dev.stoa.model;

import com.sun.management.OperatingSystemMXBean;
import dev.stoa.EngineFault;
import dev.stoa.Fault;
import dev.stoa.model.CacheCost.Encoding;
import dev.stoa.nn.mixer.MixerSpec;
import java.lang.management.ManagementFactory;
import java.util.ArrayList;
import java.util.List;

/// How a machine's memory is shared out once the model is known (engine-state.md, section 9). Bytes.
///
/// @param available to this process beside its heap
/// @param limit what may be used of it
/// @param weights of the model as they lie in memory
/// @param reserved for kept prompts and adapters
/// @param workspace activations of one step and its logits
/// @param budget for the caches of running requests
/// @param slots requests whose caches fit at once
/// @param context tokens per request
public record MemoryPlan(long available, long limit, long weights, long reserved, long workspace, long budget, int slots, int context) {
    private static final long MIB = 1L << 20;
    /// Beside the heap: code, thread stacks, the compiler.
    private static final long RUNTIME = 512 * MIB;
    private static final double SHARE = 0.85;
    private static final int ROUNDING = 256;
    private static final int SMALLEST_CONTEXT = 512;
    /// What a request of a shared pool is expected to take when nobody says more.
    private static final int USUAL_CONTEXT = 4_096;
    private static final int USUAL_SLOTS = 8;

    /// What the plan is for. `context` and `slots` are the user's limits (0: the model's, 8); `shared`: requests draw what they
    /// need from one budget, and admission guards it, instead of a slab of the whole context each. `reserved` are bytes for
    /// other things: kept prompts, adapters.
    public record Wish(long available, int context, int slots, boolean shared, Encoding kv, int chunk, int logitRows, long reserved) {
        public Wish {
            if (context < 0 || slots < 0 || chunk < 1 || logitRows < 1 || reserved < 0) throw new IllegalArgumentException("nothing can be planned");
        }

        private int mostSlots() {
            return slots == 0 ? USUAL_SLOTS : slots;
        }
    }

    /// Memory of this machine, or of the container around the process when that is less, without the heap's maximum and
    /// 512 MiB; 0 when the platform does not tell.
    public static long availableHere() {
        if (!(ManagementFactory.getOperatingSystemMXBean() instanceof OperatingSystemMXBean system)) return 0;
        return Math.max(1, system.getTotalMemorySize() - Runtime.getRuntime().maxMemory() - RUNTIME);
    }

    /// The plan for a model whose weights take `weights` bytes. Fails when fewer than 512 tokens (or the whole context, where
    /// that is less) fit, and says what would help.
    public static MemoryPlan of(ModelSpec spec, long weights, Wish wish) {
        CacheCost cost = CacheCost.of(spec, wish.kv());
        long limit = (long) (SHARE * wish.available());
        long workspace = workspace(spec, wish.chunk(), wish.logitRows());
        long budget = limit - weights - wish.reserved() - workspace;
        int most = Math.min(spec.maxContext(), wish.context() == 0 ? Integer.MAX_VALUE : wish.context());
        int slots = Math.clamp(budget / Math.max(1, cost.bytes(wish.shared() ? Math.min(most, USUAL_CONTEXT) : most, wish.chunk())), 1, wish.mostSlots());
        // In a shared pool one request may take all that the others' constant parts leave.
        long room = wish.shared() ? budget - (slots - 1) * cost.bytes(0, wish.chunk()) : budget / slots;
        long fitting = room < 0 ? 0 : cost.tokens(room, wish.chunk(), most);
        int context = (int) (fitting == most ? most : fitting / ROUNDING * ROUNDING);
        int least = Math.min(SMALLEST_CONTEXT, most);
        if (context < least) throw tooLittle(spec, weights, wish, cost.bytes(least, wish.chunk()) - room);
        return new MemoryPlan(wish.available(), limit, weights, wish.reserved(), workspace, budget, slots, context);
    }

    /// Activations of a step of `chunk` rows and the logits of `logitRows`.
    static long workspace(ModelSpec spec, int chunk, int logitRows) {
        long widest = 0;
        long heads = spec.hidden();
        for (LayerSpec layer : spec.layers()) {
            widest = Math.max(widest, switch (layer.ffn()) {
                case FeedForward.Gated gated -> gated.intermediate();
                case FeedForward.Plain plain -> plain.intermediate();
                case FeedForward.Moe moe -> moe(moe);
                case FeedForward.DensePlusMoe both -> Math.max(both.dense().intermediate(), moe(both.moe()));
                case FeedForward.None ignored -> 0L;
            });
            if (layer.mixer() instanceof MixerSpec.Attention a) heads = Math.max(heads, (long) a.heads() * a.headDim());
        }
        long logits = spec.head() == null ? 0 : (long) logitRows * (spec.vocab() + spec.hidden());
        return Float.BYTES * (chunk * (3L * spec.hidden() + 3 * Math.max(widest, heads)) + logits);
    }

    private static long moe(FeedForward.Moe moe) {
        return Math.max((long) moe.router().topK() * moe.intermediate(), moe.sharedIntermediate());
    }

    private static RuntimeException tooLittle(ModelSpec spec, long weights, Wish wish, long missing) {
        List<String> remedies = new ArrayList<>();
        long parameters = MemoryFit.parameters(spec);
        if (weights > MemoryFit.estimated(spec, 4.5, 0) * 1.1) {
            remedies.add("quantize the model to 4 bits: about %d MiB instead of %d".formatted(MemoryFit.estimated(spec, 4.5, 0) / MIB, weights / MIB));
        }
        if (wish.kv() != Encoding.K_Q8_V_Q4) remedies.add("store the cache in fewer bits (%s)".formatted(Encoding.K_Q8_V_Q4.label()));
        if (remedies.size() < 2) remedies.add("give the process %d MiB more, or the heap less".formatted(Math.ceilDiv((long) (missing / SHARE), MIB)));
        if (remedies.size() < 2) remedies.add("take a model of fewer than %d M parameters".formatted(parameters / 1_000_000));
        return Fault.of(EngineFault.MEMORY_LIMIT, "this machine has no memory for %d tokens of this model", Math.min(SMALLEST_CONTEXT, spec.maxContext()))
                .got("%d MiB available, %d MiB short".formatted(wish.available() / MIB, Math.ceilDiv(missing, MIB)))
                .expected("room for weights (%d MiB), activations and at least %d tokens".formatted(weights / MIB, SMALLEST_CONTEXT))
                .next(String.join("; or ", remedies)).exception();
    }
}
