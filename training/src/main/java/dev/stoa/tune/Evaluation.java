// SPDX-License-Identifier: Apache-2.0
package dev.stoa.tune;

import dev.stoa.data.Batch;
import dev.stoa.data.Packer;
import dev.stoa.grad.LossRows;
import dev.stoa.grad.Network;
import dev.stoa.grad.PackedSamples;
import java.util.List;

/// Measures held-out samples with the training forward pass, all packed.
public final class Evaluation {
    private Evaluation() {}

    /// Loss and exactness of a set under the network's current weights; see [EvalSet.Score].
    public static EvalSet.Score score(Network network, EvalSet set, int microTokens) {
        double loss = 0, weight = 0;
        long trained = 0;
        int exact = 0;
        for (Batch batch : Packer.pack(set.samples(), microTokens)) {
            LossRows rows = network.measure(new PackedSamples(batch.ids(), batch.positions(), batch.starts(), batch.hard(), batch.soft()));
            loss += rows.sum();
            weight += rows.weight();
            trained += rows.rows().length;
            exact += exact(batch, rows);
        }
        return new EvalSet.Score(set.name(), weight == 0 ? 0 : loss / weight, (double) exact / set.samples().size(),
                set.samples().size(), trained);
    }

    /// Samples of the batch in which no token of full weight is mispredicted.
    private static int exact(Batch batch, LossRows rows) {
        boolean[] wrong = new boolean[batch.ids().length];
        for (int i = 0; i < rows.rows().length; i++) {
            wrong[rows.rows()[i]] = rows.hard()[i] >= 1 && rows.best()[i] != rows.targets()[i];
        }
        int exact = 0;
        for (int sample = 0; sample + 1 < batch.starts().length; sample++) {
            boolean right = true;
            for (int row = batch.starts()[sample]; row < batch.starts()[sample + 1]; row++) right &= !wrong[row];
            if (right) exact++;
        }
        return exact;
    }
}
