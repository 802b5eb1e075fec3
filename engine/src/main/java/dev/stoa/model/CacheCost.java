// SPDX-License-Identifier: Apache-2.0
package dev.stoa.model;

import dev.stoa.nn.mixer.MixerConfig;
import dev.stoa.nn.mixer.MixerSpec;
import java.util.ArrayList;
import java.util.List;

/// What one sequence costs to remember (engine-state.md, section 2): bytes per token in layers that see everything, bytes per
/// token in layers with a window (which keep at most window + chunk tokens), and bytes that do not grow.
public record CacheCost(double tokenBytes, List<Window> windows, long constantBytes) {
    /// How keys and values are stored, in bytes per value; q8 has one half-precision scale per 32 values, 4-bit groups too.
    public enum Encoding {
        F32(4, 4), F16(2, 2), Q8(1.0625, 1.0625), K_Q8_V_Q4(1.0625, 0.5625);

        private final double key;
        private final double value;

        Encoding(double key, double value) {
            this.key = key;
            this.value = value;
        }

        /// The name in configs and on the command line.
        public String label() {
            return name().toLowerCase(java.util.Locale.ROOT).replace('_', '-');
        }
    }

    /// Layers of one window: `tokens` it sees, bytes per token of all of them.
    public record Window(int tokens, double tokenBytes) {}

    public CacheCost {
        windows = List.copyOf(windows);
    }

    /// The cost for a model. Key heads count, not the model's width: groups of query heads share them.
    public static CacheCost of(ModelSpec spec, Encoding encoding) {
        double tokenBytes = 0;
        long constant = 0;
        List<Window> windows = new ArrayList<>();
        for (LayerSpec layer : spec.layers()) {
            switch (layer.mixer()) {
                case MixerSpec.Attention a when a.options().sharedLayer() >= 0 || a.options().bidirectional() -> { }
                case MixerSpec.Attention a -> {
                    double bytes = (double) a.kvHeads() * a.headDim() * (encoding.key + encoding.value);
                    if (a.window() == 0) tokenBytes += bytes;
                    else windows.add(new Window(a.window(), bytes));
                }
                case MixerSpec.Named named -> {
                    MixerConfig config = named.config();
                    boolean keys = named.kind().equals("nsa") || named.kind().equals("moba") || named.kind().endsWith("_attention");
                    if (keys) tokenBytes += (double) config.kvHeads() * config.headDim() * (encoding.key + encoding.value);
                    else constant += recurrent(named.kind(), config);
                }
            }
        }
        return new CacheCost(tokenBytes, windows, constant);
    }

    /// F32 states: of a delta net the ring of its convolution and one matrix per value head; of others one matrix per head.
    private static long recurrent(String kind, MixerConfig config) {
        int dim = config.headDim();
        if (!kind.equals("gated_deltanet")) return 4L * config.heads() * dim * dim;
        int valueDim = config.integer("value_head_dim", dim, 1);
        long channels = 2L * config.kvHeads() * dim + (long) config.heads() * valueDim;
        return 4L * (channels * (config.integer("conv_kernel", 4, 1) - 1) + (long) config.heads() * dim * valueDim);
    }

    /// Bytes of one sequence of `tokens` tokens that is prefilled in pieces of `chunk`.
    public long bytes(long tokens, int chunk) {
        double bytes = constantBytes + tokenBytes * tokens;
        for (Window window : windows) bytes += window.tokenBytes() * Math.min(tokens, (long) window.tokens() + chunk);
        return (long) Math.ceil(bytes);
    }

    /// The most tokens whose cache fits `budget` bytes, at most `most`; 0 when not one does.
    public long tokens(long budget, int chunk, long most) {
        long low = 0;
        long high = most;
        while (low < high) {
            long middle = low + (high - low + 1) / 2;
            if (bytes(middle, chunk) <= budget) low = middle;
            else high = middle - 1;
        }
        return low;
    }
}
