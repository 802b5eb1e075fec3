// SPDX-License-Identifier: Apache-2.0
package dev.stoa.nn.mixer;

import dev.stoa.cache.CacheLayout;
import dev.stoa.cache.CacheStack;
import dev.stoa.cache.LayerState;
import dev.stoa.kernel.Kernels;
import dev.stoa.nn.Buffers;
import dev.stoa.nn.Linear;
import dev.stoa.nn.Projections;
import dev.stoa.tensor.Ledger;
import dev.stoa.tensor.Scope;
import dev.stoa.tensor.Tensor;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;

/// One mixer over random weights of distinct scales, run in pieces.
final class MixerRun {
    final MixerConfig config;
    final Map<String, double[][]> weights = new HashMap<>();
    final Mixer mixer;
    final Ledger ledger = new Ledger();
    private final Kernels kernels;
    private final Scope scope = ledger.scope("mixer run");

    MixerRun(String kind, MixerConfig config, Kernels kernels, long seed) {
        this.config = config;
        this.kernels = kernels;
        SplittableRandom random = new SplittableRandom(seed);
        Map<String, Linear> linears = new HashMap<>();
        Map<String, Tensor> values = new HashMap<>();
        int port = 0;
        for (MixerTensor tensor : MixerRegistry.installed().find(kind).tensors(config)) {
            long[] shape = tensor.shape();
            int columns = (int) shape[shape.length - 1];
            int rows = (int) (Tensor.elements(shape) / columns);
            double deviation = tensor.linear() ? (0.7 + 0.2 * (port++ % 4)) / Math.sqrt(columns) : 0.5;
            double center = tensor.leaf().contains("norm") ? 1 : 0;
            float[] flat = new float[rows * columns];
            for (int i = 0; i < flat.length; i++) flat[i] = (float) (random.nextGaussian() * deviation + center);
            Tensor stored = Tensor.of(flat, shape);
            if (tensor.linear()) linears.put(tensor.leaf(), new Linear(port, tensor.leaf(), kernels.matmul().pack(stored, scope), null));
            else values.put(tensor.leaf(), stored);
            double[][] table = new double[rows][columns];
            for (int i = 0; i < flat.length; i++) table[i / columns][i % columns] = flat[i];
            weights.put(tensor.leaf(), table);
        }
        mixer = MixerRegistry.installed().find(kind).build(new MixerBuildContext(config, 0, linears::get, values::get));
    }

    private final Projections projections = new Projections() {
        @Override
        public void apply(Linear linear, Tensor x, Tensor y, boolean accumulate, int[] rows) {
            kernels.matmul().multiply(x, linear.weight(), y, accumulate);
        }

        @Override
        public void applyAs(int row, Linear linear, Tensor x, Tensor y) {
            kernels.matmul().multiply(x, linear.weight(), y, false);
        }
    };

    CacheStack state(int length) {
        return state(CacheLayout.bounded(length));
    }

    CacheStack state(CacheLayout layout) {
        return new CacheStack(List.of(mixer.stateShape()), layout, ledger);
    }

    /// Rows [from, to) of x, appended to the state.
    float[][] run(float[][] x, int from, int to, CacheStack state) {
        float[][] out = step(new float[][][] {Arrays.copyOfRange(x, from, to)}, new int[] {from}, new CacheStack[] {state});
        state.advance(to);
        return out;
    }

    /// Rows of several sequences in one pass; the states are not advanced.
    float[][] step(float[][][] pieces, int[] starts, CacheStack[] states) {
        int rows = 0;
        for (float[][] piece : pieces) rows += piece.length;
        int[] positions = new int[rows];
        int[] lengths = new int[rows];
        LayerState[] layer = new LayerState[rows];
        float[] flat = new float[rows * config.hidden()];
        int at = 0;
        for (int s = 0; s < pieces.length; s++) {
            for (int i = 0; i < pieces[s].length; i++, at++) {
                positions[at] = starts[s] + i;
                lengths[at] = starts[s] + pieces[s].length;
                layer[at] = states[s].layer(0);
                System.arraycopy(pieces[s][i], 0, flat, at * config.hidden(), config.hidden());
            }
        }
        try (Scope own = ledger.scope("step")) {
            Tensor x = own.f32(rows, config.hidden());
            x.data().copyFrom(Tensor.of(flat, rows, config.hidden()).data());
            Tensor y = own.f32(rows, config.hidden());
            MixerCall call = new MixerCall(x, y, false, positions, lengths, layer, projections, new Buffers(mixer.widths(), rows, own), kernels,
                    kernels.attention());
            mixer.remember(call);
            mixer.mix(call);
            float[][] out = new float[rows][];
            for (int r = 0; r < rows; r++) out[r] = y.slice(r, r + 1).toArray();
            return out;
        }
    }

    static float[][] input(int length, int hidden, long seed) {
        SplittableRandom random = new SplittableRandom(seed);
        float[][] x = new float[length][hidden];
        for (float[] row : x) for (int i = 0; i < hidden; i++) row[i] = (float) random.nextGaussian();
        return x;
    }
}
