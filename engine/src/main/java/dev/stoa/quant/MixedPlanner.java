// SPDX-License-Identifier: Apache-2.0
package dev.stoa.quant;

import dev.stoa.EngineFault;
import dev.stoa.Fault;
import dev.stoa.tensor.Tensor;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/// Distributes bits over the modules of a model: every module starts at its coarsest candidate, then the upgrade with the
/// best fall of KL per byte is taken again and again until the budget is spent. Pure arithmetic; what a candidate costs in
/// KL is measured by the caller, or predicted with [#weightedError] and [#fit].
public final class MixedPlanner {
    /// One format a module could have: bits per value including scales are in `bytes`; `kl` is in nats per token. A null
    /// spec leaves the module in its float type.
    public record Candidate(int bits, QuantSpec spec, long bytes, double kl) {}

    /// A module with its candidates, by rising bytes.
    public record Module(String name, List<Candidate> candidates) {
        public Module {
            candidates = List.copyOf(candidates);
            if (candidates.isEmpty()) throw new IllegalArgumentException(name + " has no candidates");
            for (int i = 1; i < candidates.size(); i++) {
                if (candidates.get(i).bytes() <= candidates.get(i - 1).bytes()) throw new IllegalArgumentException(name + ": candidates must rise in bytes");
            }
        }
    }

    /// What each module becomes, and the sums.
    public record Plan(Map<String, Candidate> modules, long bytes, double predictedKl) {}

    private MixedPlanner() {}

    /// The plan within `budget` bytes.
    public static Plan plan(List<Module> modules, long budget) {
        int[] choice = new int[modules.size()];
        long bytes = 0;
        for (Module module : modules) bytes += module.candidates().getFirst().bytes();
        if (bytes > budget) {
            throw Fault.of(EngineFault.OUT_OF_RANGE, "the budget is below the smallest allowed plan").got(budget + " bytes").expected("at least " + bytes)
                    .next("raise --target-bpw").exception();
        }
        while (true) {
            int best = -1;
            int to = 0;
            double gain = 0;
            for (int m = 0; m < choice.length; m++) {
                List<Candidate> candidates = modules.get(m).candidates();
                Candidate now = candidates.get(choice[m]);
                for (int c = choice[m] + 1; c < candidates.size(); c++) {
                    long more = candidates.get(c).bytes() - now.bytes();
                    double ratio = (now.kl() - candidates.get(c).kl()) / more;
                    if (bytes + more <= budget && ratio > gain) {
                        gain = ratio;
                        best = m;
                        to = c;
                    }
                }
            }
            if (best < 0) break;
            bytes += modules.get(best).candidates().get(to).bytes() - modules.get(best).candidates().get(choice[best]).bytes();
            choice[best] = to;
        }
        Map<String, Candidate> chosen = new TreeMap<>();
        double kl = 0;
        for (int m = 0; m < choice.length; m++) {
            Candidate candidate = modules.get(m).candidates().get(choice[m]);
            chosen.put(modules.get(m).name(), candidate);
            kl += candidate.kl();
        }
        return new Plan(chosen, bytes, kl);
    }

    /// Fewest bits a module may have: embeddings and head 6, routers and gates of shared experts 8, experts of the first
    /// and last two layers 4, others 3. `layer` is -1 outside the layers.
    public static int floor(String path, int layer, int layers) {
        if (path.endsWith("embed_tokens") || path.endsWith("lm_head")) return 6;
        if (path.endsWith("mlp.gate") || path.endsWith("shared_expert_gate") || path.endsWith("router.proj")) return 8;
        boolean expert = path.contains(".experts.") || path.contains(".switch_mlp.");
        return expert && layer >= 0 && (layer < 2 || layer >= layers - 2) ? 4 : 3;
    }

    /// The expected squared error of a module's output, sum over w (N, K) of h[k] (w - w')^2, where h (K) is the diagonal of
    /// XtX per calibration token.
    public static double weightedError(Tensor w, MlxEncoder encoder, double[] h) {
        int cols = w.cols();
        float[] row = new float[cols];
        float[] decoded = new float[cols];
        byte[] words = new byte[Math.toIntExact(encoder.wordBytes(cols))];
        byte[] scales = new byte[Math.toIntExact(encoder.scaleBytes(cols))];
        byte[] biases = new byte[scales.length];
        double error = 0;
        for (int r = 0; r < w.rows(); r++) {
            Quant.decodeRow(w, r, row, 0);
            encoder.roundTrip(row, decoded, words, scales, biases);
            for (int c = 0; c < cols; c++) error += h[c] * ((double) decoded[c] - row[c]) * (decoded[c] - row[c]);
        }
        return error;
    }

    /// The factor that turns predicted errors into measured KL with the least squared deviation.
    public static double fit(List<double[]> predictedAndMeasured) {
        List<double[]> pairs = new ArrayList<>(predictedAndMeasured);
        double above = 0;
        double below = 0;
        for (double[] pair : pairs) {
            above += pair[0] * pair[1];
            below += pair[0] * pair[0];
        }
        if (!(below > 0)) throw new IllegalArgumentException("no measured module");
        return Math.max(0, above / below);
    }
}
