// SPDX-License-Identifier: Apache-2.0
package dev.stoa.nn;

import dev.stoa.tensor.Tensor;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.List;

/// Mixture of experts: y = sum of p_e * E_e(x) over the chosen experts, plus a shared expert that every row passes,
/// weighted by sigmoid(sharedGate x) when there is such a gate. Rows are grouped by expert; a row adds its experts in
/// rising order, so its result does not depend on the batch.
public final class MoeBlock implements FeedForwardBlock {
    private static final int GATHERED = 2;
    private static final int OUT = 3;
    private static final int SUM = 4;
    private static final int SHARED_GATE = 7;

    private final Router router;
    private final List<GatedMlp> experts;
    private final GatedMlp shared;
    private final Linear sharedGate;

    /// `shared` and `sharedGate` may be null.
    public MoeBlock(Router router, List<GatedMlp> experts, GatedMlp shared, Linear sharedGate) {
        this.router = router;
        this.experts = List.copyOf(experts);
        this.shared = shared;
        this.sharedGate = sharedGate;
    }

    @Override
    public int[] widths() {
        int hidden = experts.getFirst().gate().inputs();
        int inner = Math.max(experts.getFirst().gate().outputs(), shared == null ? 0 : shared.gate().outputs());
        int[] own = {inner, inner, hidden, hidden, hidden, 0, 0, 1};
        return Buffers.widest(List.of(own, router.widths()));
    }

    @Override
    public void run(FeedForwardCall call) {
        Tensor sum = sum(call);
        if (call.accumulate()) call.kernels().activation().axpy(1, sum, call.y());
        else call.y().data().copyFrom(sum.data());
    }

    /// The mixed output (T, H), in scratch memory.
    private Tensor sum(FeedForwardCall call) {
        Tensor x = call.x();
        int hidden = x.cols();
        Tensor sum = call.buffers().at(SUM, x.rows(), hidden);
        sum.data().fill((byte) 0);
        Router.Choice choice = router.choose(call);
        int[][] rowsOf = rowsByExpert(choice, experts.size());
        for (int e = 0; e < rowsOf.length; e++) {
            int[] rows = rowsOf[e];
            if (rows.length == 0) continue;
            Tensor gathered = call.buffers().at(GATHERED, rows.length, hidden);
            long bytes = (long) hidden * Float.BYTES;
            for (int i = 0; i < rows.length; i++) MemorySegment.copy(x.data(), rows[i] * bytes, gathered.data(), i * bytes, bytes);
            Tensor out = call.buffers().at(OUT, rows.length, hidden);
            experts.get(e).run(call, gathered, out, false, rows);
            for (int i = 0; i < rows.length; i++) {
                float weight = choice.weights()[rows[i]][Arrays.binarySearch(choice.experts()[rows[i]], e)];
                call.kernels().activation().axpy(weight, out.slice(i, i + 1), sum.slice(rows[i], rows[i] + 1));
            }
        }
        if (shared != null) addShared(call, sum);
        return sum;
    }

    private void addShared(FeedForwardCall call, Tensor sum) {
        int rows = sum.rows();
        Tensor out = call.buffers().at(OUT, rows, sum.cols());
        shared.run(call, call.x(), out, false, null);
        Tensor gate = null;
        if (sharedGate != null) call.projections().apply(sharedGate, call.x(), gate = call.buffers().at(SHARED_GATE, rows, 1), false);
        for (int t = 0; t < rows; t++) {
            float weight = gate == null ? 1 : (float) (1 / (1 + Math.exp(-gate.get(t))));
            call.kernels().activation().axpy(weight, out.slice(t, t + 1), sum.slice(t, t + 1));
        }
    }

    private static int[][] rowsByExpert(Router.Choice choice, int experts) {
        int[] counts = new int[experts];
        for (int[] chosen : choice.experts()) for (int e : chosen) counts[e]++;
        int[][] rows = new int[experts][];
        for (int e = 0; e < experts; e++) rows[e] = new int[counts[e]];
        Arrays.fill(counts, 0);
        for (int t = 0; t < choice.experts().length; t++) for (int e : choice.experts()[t]) rows[e][counts[e]++] = t;
        return rows;
    }
}
