// SPDX-License-Identifier: Apache-2.0
package dev.stoa.grad;

import dev.stoa.kernel.Kernels;
import dev.stoa.tensor.Tensor;
import java.util.ArrayList;
import java.util.List;

/// The order in which values were computed, so that gradients can be computed in the reverse order.
///
/// With `recording` off nothing is wanted and nothing is remembered: the same operations then are plain inference.
/// For one thread; one tape per micro-batch.
public final class Tape {
    private final Kernels kernels;
    private final Workspace workspace;
    private final boolean recording;
    private final Compute compute;
    private final List<Entry> entries = new ArrayList<>();

    private record Entry(Value output, Runnable backward) {}

    public Tape(Kernels kernels, Workspace workspace, boolean recording) {
        this(kernels, Compute.plain(kernels), workspace, recording);
    }

    public Tape(Kernels kernels, Compute compute, Workspace workspace, boolean recording) {
        this.kernels = kernels;
        this.compute = compute;
        this.workspace = workspace;
        this.recording = recording;
    }

    public Kernels kernels() {
        return kernels;
    }

    public Compute compute() {
        return compute;
    }

    public Workspace workspace() {
        return workspace;
    }

    /// A tape like this one that starts empty and has its results elsewhere.
    Tape inside(Workspace other) {
        return new Tape(kernels, compute, other, recording);
    }

    /// A value computed by the caller; gradients flow to it when `wanted` and this tape records.
    public Value value(Tensor data, boolean wanted) {
        return new Value(data, wanted && recording);
    }

    /// A trainable parameter counts as wanted only while this tape records.
    boolean trains(Parameter parameter) {
        return recording && parameter != null && parameter.trained();
    }

    /// Remembers how the gradient of `output` flows on. The gradient's buffer is given back after `backward` ran,
    /// unless that took it.
    void record(Value output, Runnable backward) {
        if (output.wanted()) entries.add(new Entry(output, backward));
    }

    /// Runs all recorded steps from the last to the first; a value without gradient contributes nothing.
    public void backward() {
        for (int i = entries.size() - 1; i >= 0; i--) {
            Entry entry = entries.get(i);
            if (entry.output().gradient() == null) continue;
            entry.backward().run();
            Tensor left = entry.output().take();
            if (left != null) workspace.give(left);
        }
        entries.clear();
    }
}
