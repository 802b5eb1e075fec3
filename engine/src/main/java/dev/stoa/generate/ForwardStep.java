// SPDX-License-Identifier: Apache-2.0
package dev.stoa.generate;

import dev.stoa.generate.Scheduler.Slice;
import dev.stoa.model.Batch;
import dev.stoa.model.Decoder;
import dev.stoa.model.Workspace;
import dev.stoa.tensor.Tensor;
import java.util.ArrayList;
import java.util.List;
import java.util.function.BiConsumer;
import java.util.function.Consumer;

/// Puts the planned rows of many sequences into one forward pass and hands each sequence what it computed.
final class ForwardStep {
    /// Where a slice's results lie: the first logit row of each member, and a residual index per position or -1.
    private record Places(Slice slice, int[] firstLogits, int[] residuals) {}

    private final Decoder decoder;
    private final Workspace workspace;
    private final Batch batch;

    ForwardStep(Decoder decoder, Workspace workspace, Batch batch) {
        this.decoder = decoder;
        this.workspace = workspace;
        this.batch = batch;
    }

    /// Runs the slices together. Should the pass fail, each slice runs alone, so that only the culprit fails; a failure
    /// while a sequence takes its results, its receiver included, is that sequence's alone too.
    void run(List<Slice> plan, Consumer<Sequence> complete, BiConsumer<Sequence, RuntimeException> failed) {
        batch.clear();
        List<Places> places = new ArrayList<>(plan.size());
        try {
            for (Slice slice : plan) places.add(fill(slice));
            decoder.forward(batch, workspace);
        } catch (RuntimeException failure) {
            if (plan.size() == 1) failed.accept(plan.getFirst().sequence(), failure);
            else for (Slice slice : plan) run(List.of(slice), complete, failed);
            return;
        }
        Tensor logits = workspace.logits(batch.logitRows());
        for (Places place : places) {
            Sequence sequence = place.slice().sequence();
            try {
                deliver(place, logits);
            } catch (RuntimeException failure) {
                failed.accept(sequence, failure);
                continue;
            }
            if (sequence.remaining() == 0) complete.accept(sequence);
        }
    }

    /// Rows member by member, positions rising, as the batch wants them.
    private Places fill(Slice slice) {
        Sequence sequence = slice.sequence();
        int[] firstLogits = new int[sequence.members()];
        int[] residuals = new int[slice.count()];
        for (int member = 0; member < sequence.members(); member++) {
            firstLogits[member] = batch.logitRows();
            for (int i = 0; i < slice.count(); i++) {
                int position = sequence.computed() + i;
                int row = batch.add(sequence.token(position), position, sequence.cache(member),
                        sequence.demand.members().get(member), sequence.demand.layers());
                if (position >= sequence.demand.firstLogit()) batch.wantLogits(row);
                if (member > 0) continue;
                int layer = sequence.task.wantedLayer(position);
                residuals[i] = layer < 0 ? -1 : batch.wantResidual(row, layer);
            }
        }
        return new Places(slice, firstLogits, residuals);
    }

    private void deliver(Places place, Tensor logits) {
        Sequence sequence = place.slice().sequence();
        int from = sequence.computed();
        int count = place.slice().count();
        int wanted = sequence.logitsIn(count);
        sequence.advance(count);
        for (int i = 0; i < count; i++) {
            if (place.residuals()[i] >= 0) sequence.task.residual(from + i, batch.residual(place.residuals()[i]));
        }
        int[] rows = new int[sequence.members()];
        for (int i = 0; i < wanted; i++) {
            for (int member = 0; member < rows.length; member++) rows[member] = place.firstLogits()[member] + i;
            int next = sequence.task.logits(from + count - wanted + i, logits, rows, System.nanoTime());
            if (next != Task.DONE) sequence.append(next);
        }
    }
}
