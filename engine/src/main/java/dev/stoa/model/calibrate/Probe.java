// SPDX-License-Identifier: Apache-2.0
package dev.stoa.model.calibrate;

import dev.stoa.adapter.AdapterSet;
import dev.stoa.cache.CacheStack;
import dev.stoa.kernel.Kernels;
import dev.stoa.model.Batch;
import dev.stoa.model.Decoder;
import dev.stoa.model.LinearObserver;
import dev.stoa.model.Model;
import dev.stoa.model.ModelSpec;
import dev.stoa.model.Workspace;
import dev.stoa.tensor.Ledger;
import dev.stoa.tensor.Scope;
import dev.stoa.tensor.Tensor;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;

/// Runs a model, or a copy of it with other values in some matrices, over calibration text.
final class Probe {
    /// Log-probabilities of the whole text are kept up to this many values; beyond that the model runs beside every copy.
    private static final long MOST_KEPT = 32L << 20;
    private static final int GRAM = 4;

    private final ModelSpec spec;
    private final Map<String, Tensor> tensors;
    private final Kernels kernels;
    private final Calibration calibration;
    private final float[][][] kept;

    /// `tensors` by the names of the files, or canonical ones.
    Probe(ModelSpec spec, Map<String, Tensor> tensors, Kernels kernels, Calibration calibration) {
        this.spec = spec;
        this.tensors = tensors;
        this.kernels = kernels;
        this.calibration = calibration;
        boolean keep = (long) calibration.tokens() * spec.vocab() <= MOST_KEPT;
        this.kept = keep ? run(Map.of(), null) : null;
    }

    /// Sum over all tokens of x[k]^2 for the inputs of every linear layer, by module path.
    Map<String, double[]> squares() {
        Map<String, double[]> sums = new TreeMap<>();
        run(Map.of(), (linear, x) -> {
            double[] sum = sums.computeIfAbsent(linear.path(), _ -> new double[linear.inputs()]);
            for (int t = 0; t < x.rows(); t++) {
                for (int k = 0; k < sum.length; k++) {
                    double value = x.get((long) t * sum.length + k);
                    sum[k] += value * value;
                }
            }
        });
        return sums;
    }

    /// Mean over all tokens of KL(full || copy) in nats, where the copy has other values under the given names.
    double divergence(Map<String, Tensor> replaced) {
        float[][][] full = kept != null ? kept : run(Map.of(), null);
        float[][][] copy = run(replaced, null);
        double sum = 0;
        for (int s = 0; s < full.length; s++) {
            for (int t = 0; t < full[s].length; t++) {
                for (int v = 0; v < full[s][t].length; v++) {
                    double p = Math.exp(full[s][t][v]);
                    if (p > 0) sum += p * ((double) full[s][t][v] - copy[s][t][v]);
                }
            }
        }
        return Math.max(0, sum / calibration.tokens());
    }

    /// Log-probabilities of every position of every sequence.
    private float[][][] run(Map<String, Tensor> replaced, LinearObserver observer) {
        float[][][] all = new float[calibration.sequences().size()][][];
        Ledger ledger = new Ledger();
        try (Scope scope = ledger.scope("probe")) {
            Decoder decoder = decoder(replaced, observer, scope);
            int longest = calibration.sequences().getFirst().length;
            Workspace workspace = decoder.workspace(longest, longest, scope);
            for (int s = 0; s < all.length; s++) {
                int[] ids = calibration.sequences().get(s);
                try (CacheStack state = new CacheStack(decoder.cacheShapes(), ids.length, ledger)) {
                    Batch batch = new Batch(spec.layers().size(), ids.length, ids.length);
                    for (int i = 0; i < ids.length; i++) batch.wantLogits(batch.add(ids[i], i, state, AdapterSet.BASE));
                    decoder.forward(batch, workspace);
                    Tensor logits = workspace.logits(ids.length);
                    all[s] = observer != null ? new float[0][] : new float[ids.length][];
                    for (int i = 0; i < all[s].length; i++) all[s][i] = logProbabilities(logits.slice(i, i + 1).toArray());
                }
            }
        }
        return all;
    }

    private Decoder decoder(Map<String, Tensor> replaced, LinearObserver observer, Scope scope) {
        Map<String, Tensor> all = new HashMap<>(tensors);
        all.putAll(replaced);
        return new Decoder(Model.of(spec, all, null, kernels, scope), observer);
    }

    private static float[] logProbabilities(float[] logits) {
        float largest = Float.NEGATIVE_INFINITY;
        for (float logit : logits) largest = Math.max(largest, logit);
        double sum = 0;
        for (float logit : logits) sum += Math.exp(logit - largest);
        float norm = largest + (float) Math.log(sum);
        for (int i = 0; i < logits.length; i++) logits[i] -= norm;
        return logits;
    }

    /// Share of 4-grams of long greedy answers that had occurred in the same answer before; a model quantized too far loops.
    double repetition(Map<String, Tensor> replaced, int answers, int prompt, int length) {
        Ledger ledger = new Ledger();
        long repeated = 0;
        long all = 0;
        try (Scope scope = ledger.scope("probe")) {
            Decoder decoder = decoder(replaced, null, scope);
            Workspace workspace = decoder.workspace(prompt, 1, scope);
            for (int a = 0; a < answers; a++) {
                int[] ids = generate(decoder, workspace, ledger, calibration.start(a * 3, prompt), length);
                Set<List<Integer>> seen = new HashSet<>();
                for (int i = 0; i + GRAM <= ids.length; i++, all++) {
                    if (!seen.add(List.of(ids[i], ids[i + 1], ids[i + 2], ids[i + 3]))) repeated++;
                }
            }
        }
        return all == 0 ? 0 : (double) repeated / all;
    }

    private int[] generate(Decoder decoder, Workspace workspace, Ledger ledger, int[] prompt, int length) {
        int[] answer = new int[length];
        try (CacheStack state = new CacheStack(decoder.cacheShapes(), prompt.length + length, ledger)) {
            Batch batch = new Batch(spec.layers().size(), prompt.length, 1);
            for (int i = 0; i < length; i++) {
                batch.clear();
                int last = -1;
                if (i == 0) for (int p = 0; p < prompt.length; p++) last = batch.add(prompt[p], p, state, AdapterSet.BASE);
                else last = batch.add(answer[i - 1], prompt.length + i - 1, state, AdapterSet.BASE);
                batch.wantLogits(last);
                decoder.forward(batch, workspace);
                float[] logits = workspace.logits(1).toArray();
                int best = 0;
                for (int v = 1; v < logits.length; v++) if (logits[v] > logits[best]) best = v;
                answer[i] = best;
            }
        }
        return answer;
    }
}
