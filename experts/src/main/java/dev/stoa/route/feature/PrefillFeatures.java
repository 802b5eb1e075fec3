// SPDX-License-Identifier: Apache-2.0
package dev.stoa.route.feature;

import dev.stoa.ExpertsFault;
import dev.stoa.Fault;
import dev.stoa.format.Safetensors;
import dev.stoa.format.SafetensorsWriter;
import dev.stoa.format.Sha256;
import dev.stoa.generate.Generator;
import dev.stoa.tensor.Ledger;
import dev.stoa.tensor.Scope;
import dev.stoa.tensor.Tensor;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/// Features from the serving base model itself, no second model: the residual stream after one layer, adapters off, at
/// the positions of the user's message. Each position is RMS-normalized; mean and last position, side by side, are
/// whitened to at most 768 components.
///
/// Uses the generator given; closing that is the caller's. Thread-safe when the generator is.
public final class PrefillFeatures implements FeatureSource {
    private static final double[] DEPTHS = {0.25, 0.40, 0.50, 0.60, 0.75};
    private static final int JUDGED = 400;
    private final Generator generator;
    private final RoutePrompts prompts;
    private final String baseHash;
    private final int layer;
    private final Whitening whitening;
    private final String hash;

    private PrefillFeatures(Generator generator, RoutePrompts prompts, String baseHash, int layer, Whitening whitening) {
        this.generator = generator;
        this.prompts = prompts;
        this.baseHash = baseHash;
        this.layer = layer;
        this.whitening = whitening;
        Sha256 digest = new Sha256().text("stoa-prefill-1").text(baseHash).u32(layer);
        for (float x : whitening.mean()) digest.u32(Float.floatToIntBits(x));
        for (float[] row : whitening.directions()) for (float x : row) digest.u32(Float.floatToIntBits(x));
        hash = digest.hex().substring(0, 16) + ":L" + layer;
    }

    /// Chooses the layer (of `layers`) by the ratio of the spread between labels to the spread within them, ties to the
    /// shallower, and fits the whitening. `labels[i]` is row i's label, or null for a row that only counts for whitening.
    public static PrefillFeatures fit(
            Generator generator, RoutePrompts prompts, String baseHash, int layers, List<RouteText> rows, List<String> labels) {
        int best = -1;
        double bestRatio = Double.NEGATIVE_INFINITY;
        for (double depth : DEPTHS) {
            int layer = Math.clamp((int) Math.round(depth * layers) - 1, 0, layers - 1);
            if (layer == best) continue;
            double ratio = separation(generator, prompts, layer, rows, labels);
            if (ratio <= bestRatio) continue;
            best = layer;
            bestRatio = ratio;
        }
        List<float[]> raw = new ArrayList<>();
        for (RouteText row : rows) for (RoutePrompts.Prompt prompt : prompts.of(row)) raw.add(raw(generator, prompt, best));
        if (raw.size() < 2) {
            throw Fault.of(ExpertsFault.ROUTER_DATA_INVALID, "prefill features need texts to be fitted on").got(raw.size())
                    .expected("at least 2, better 2,000").exception();
        }
        return new PrefillFeatures(generator, prompts, baseHash, best, Whitening.fit(raw));
    }

    /// tr(S_between) / tr(S_within) over the first labeled rows.
    private static double separation(
            Generator generator, RoutePrompts prompts, int layer, List<RouteText> rows, List<String> labels) {
        Map<String, List<float[]>> groups = new LinkedHashMap<>();
        List<float[]> all = new ArrayList<>();
        for (int i = 0; i < rows.size() && all.size() < JUDGED; i++) {
            if (labels.get(i) == null) continue;
            List<RoutePrompts.Prompt> windows = prompts.of(rows.get(i));
            if (windows.isEmpty()) continue;
            float[] v = raw(generator, windows.getFirst(), layer);
            groups.computeIfAbsent(labels.get(i), label -> new ArrayList<>()).add(v);
            all.add(v);
        }
        if (all.isEmpty()) return 0;
        double[] center = mean(all);
        double between = 0;
        double within = 0;
        for (List<float[]> group : groups.values()) {
            double[] own = mean(group);
            between += group.size() * distance(own, center);
            for (float[] row : group) {
                for (int i = 0; i < own.length; i++) within += (row[i] - own[i]) * (row[i] - own[i]);
            }
        }
        return within == 0 ? (between == 0 ? 0 : Double.POSITIVE_INFINITY) : between / within;
    }

    private static double[] mean(List<float[]> rows) {
        double[] mean = new double[rows.getFirst().length];
        for (float[] row : rows) for (int i = 0; i < mean.length; i++) mean[i] += row[i] / (double) rows.size();
        return mean;
    }

    private static double distance(double[] a, double[] b) {
        double sum = 0;
        for (int i = 0; i < a.length; i++) sum += (a[i] - b[i]) * (a[i] - b[i]);
        return sum;
    }

    /// Mean and last of the normalized positions, side by side (2 D).
    private static float[] raw(Generator generator, RoutePrompts.Prompt prompt, int layer) {
        int count = prompt.positions().length;
        float[] hidden = generator.hidden(prompt.ids(), layer, prompt.positions()); // (count, D)
        int dim = hidden.length / count;
        float[] v = new float[2 * dim];
        for (int p = 0; p < count; p++) {
            double square = 0;
            for (int d = 0; d < dim; d++) square += (double) hidden[p * dim + d] * hidden[p * dim + d];
            double scale = square == 0 ? 0 : 1 / Math.sqrt(square / dim);
            for (int d = 0; d < dim; d++) {
                float x = (float) (hidden[p * dim + d] * scale);
                v[d] += x / count;
                if (p == count - 1) v[dim + d] = x;
            }
        }
        return v;
    }

    @Override
    public String id() {
        return "prefill";
    }

    @Override
    public String hash() {
        return hash;
    }

    @Override
    public int dim() {
        return whitening.directions().length;
    }

    public int layer() {
        return layer;
    }

    @Override
    public List<float[]> embed(RouteText text) {
        List<float[]> windows = new ArrayList<>();
        for (RoutePrompts.Prompt prompt : prompts.of(text)) {
            float[] x = whitening.apply(raw(generator, prompt, layer));
            if (x == null) throw new IllegalStateException("the base gave no usable features at layer " + layer);
            windows.add(x);
        }
        return windows;
    }

    /// Writes layer and whitening; the base stays where it is.
    public void save(Path file) throws IOException {
        int rows = whitening.directions().length;
        int cols = whitening.mean().length;
        float[] flat = new float[rows * cols];
        for (int r = 0; r < rows; r++) System.arraycopy(whitening.directions()[r], 0, flat, r * cols, cols);
        SafetensorsWriter.write(file, Map.of("mean", Tensor.of(whitening.mean(), cols), "directions", Tensor.of(flat, rows, cols)),
                Map.of("layer", Integer.toString(layer)));
    }

    /// Reads what [#save] wrote, over the base that is served now; another base gives another [#hash].
    public static PrefillFeatures load(Path file, Generator generator, RoutePrompts prompts, String baseHash) throws IOException {
        try (Scope scope = new Ledger().scope("prefill")) {
            Safetensors tensors = Safetensors.open(file, scope);
            Tensor mean = tensors.find("mean");
            Tensor flat = tensors.find("directions");
            if (mean == null || flat == null || flat.cols() != mean.cols() || !tensors.metadata().containsKey("layer")) {
                throw Fault.of(ExpertsFault.ROUTER_INVALID, "the feature file is incomplete").where(file)
                        .next("run \"stoa route --fit\"").exception();
            }
            float[][] directions = new float[flat.rows()][];
            for (int r = 0; r < directions.length; r++) directions[r] = flat.slice(r, r + 1).toArray();
            int layer = Integer.parseInt(tensors.metadata().get("layer"));
            return new PrefillFeatures(generator, prompts, baseHash, layer, new Whitening(mean.toArray(), directions));
        }
    }
}
