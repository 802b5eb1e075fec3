// SPDX-License-Identifier: Apache-2.0
package dev.stoa.grad;

import dev.stoa.kernel.Kernels;
import dev.stoa.tensor.Tensor;
import java.util.Arrays;

/// Head and losses fused by chunks of rows, so that no buffer of all rows times the vocabulary exists.
///
/// logits (C, V) = x (C, H) Wt; loss = sum hard * nll + soft * KL(base || model); the gradient of the *sum* goes to x
/// and W at once, in the forward pass (softmax minus target needs nothing later).
public final class HeadLoss {
    static final int CHUNK = 128;

    private HeadLoss() {}

    /// x (R, H) are the normed hidden states of the trained rows. `base` (S, H) are those of the base model for the
    /// last S rows, the ones with soft > 0; it may be null when there are none.
    public static LossRows apply(Tape tape, Value x, Projection head, Tensor base, int[] rows, int[] targets, float[] hard,
            float[] soft) {
        int count = rows.length;
        LossRows losses = new LossRows(rows, targets, hard, soft, new double[count], new double[count], new int[count]);
        if (count == 0) return losses;
        int firstSoft = count - (base == null ? 0 : base.rows());
        Tensor dx = x.wanted() ? x.into(tape.workspace()) : null;
        for (int from = 0; from < count; ) {
            int to = Math.min(from + CHUNK, from < firstSoft ? firstSoft : count);
            Tensor baseHidden = from < firstSoft ? null : base.slice(from - firstSoft, to - firstSoft);
            chunk(tape, x.data().slice(from, to), head, baseHidden, losses, from, to, dx == null ? null : dx.slice(from, to));
            from = to;
        }
        return losses;
    }

    private static void chunk(Tape tape, Tensor x, Projection head, Tensor baseHidden, LossRows losses, int from, int to,
            Tensor dx) {
        Kernels kernels = tape.kernels();
        Workspace workspace = tape.workspace();
        Tensor logits = logits(tape, x, head), base = baseHidden == null ? null : logits(tape, baseHidden, head);
        int count = to - from;
        double[] nll = new double[count], kl = new double[count];
        int[] best = new int[count];
        boolean trainsHead = head instanceof Projection.Dense dense && tape.trains(dense.weight());
        kernels.gradients().lossRows(logits, base, Arrays.copyOfRange(losses.targets(), from, to),
                Arrays.copyOfRange(losses.hard(), from, to), Arrays.copyOfRange(losses.soft(), from, to),
                dx != null || trainsHead, nll, kl, best);
        System.arraycopy(nll, 0, losses.nll(), from, count);
        System.arraycopy(kl, 0, losses.kl(), from, count);
        System.arraycopy(best, 0, losses.best(), from, count);
        if (trainsHead) {
            kernels.matmul().gemm(true, logits, false, x, 1, 1, ((Projection.Dense) head).weight().gradient());
        }
        if (dx != null) {
            switch (head) {
                case Projection.Dense dense -> kernels.matmul().gemm(false, logits, false, dense.weight().value(), 1, 0, dx);
                case Projection.Frozen frozen -> Linear.gradientOfInput(tape, logits, frozen.weight().source(), 0, dx);
            }
        }
        workspace.give(logits);
        if (base != null) workspace.give(base);
    }

    private static Tensor logits(Tape tape, Tensor x, Projection head) {
        Tensor logits = tape.workspace().f32(x.rows(), head.outputs());
        switch (head) {
            case Projection.Dense dense -> tape.kernels().matmul().gemm(false, x, true, dense.weight().value(), 1, 0, logits);
            case Projection.Frozen frozen -> {
                if (tape.compute().frozen() == null) tape.kernels().matmul().multiply(x, frozen.weight(), logits, false);
                else tape.compute().frozen().forward(x, frozen.weight().source(), null, null, logits, false);
            }
        }
        return logits;
    }
}
