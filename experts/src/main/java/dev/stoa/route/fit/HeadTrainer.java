// SPDX-License-Identifier: Apache-2.0
package dev.stoa.route.fit;

import dev.stoa.route.head.Columns;
import dev.stoa.route.head.Head;
import dev.stoa.route.head.LinearHead;
import dev.stoa.route.head.MlpHead;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;

/// Fits the feature heads with AdamW on mini-batches. Single-threaded and seeded: the same rows give the same bytes.
final class HeadTrainer {
    enum Loss { SOFTMAX, SIGMOID }

    /// `hidden` 0 is a linear head.
    record Settings(Loss loss, int hidden, int epochs, int batch, double rate, double decay, double smoothing, long seed) {
        static Settings linear(Loss loss, long seed) {
            return new Settings(loss, 0, 12, 128, 2e-2, 1e-4, 0.02, seed);
        }

        static Settings mlp(Loss loss, long seed) {
            return new Settings(loss, 512, 10, 128, 1e-3, 1e-4, 0.02, seed);
        }
    }

    private final Settings settings;
    private final int dim;
    private final int labels;
    private final List<Layer> layers = new ArrayList<>();
    private int step;

    HeadTrainer(Settings settings, int dim, int labels) {
        this.settings = settings;
        this.dim = dim;
        this.labels = labels;
        SplittableRandom random = new SplittableRandom(settings.seed());
        if (settings.hidden() > 0) {
            layers.add(new Layer(dim, settings.hidden(), Math.sqrt(1.0 / dim), random));
            layers.add(new Layer(settings.hidden(), labels, Math.sqrt(1.0 / settings.hidden()), random));
        } else {
            layers.add(new Layer(dim, labels, 0, random));
        }
    }

    /// Fits on features x (N, D) and targets (N, C) in {0, 1}.
    static Head fit(Settings settings, float[][] x, boolean[][] targets) {
        HeadTrainer trainer = new HeadTrainer(settings, x[0].length, targets[0].length);
        SplittableRandom order = new SplittableRandom(settings.seed() + 1);
        int[] rows = new int[x.length];
        for (int i = 0; i < rows.length; i++) rows[i] = i;
        int steps = settings.epochs() * ((rows.length + settings.batch() - 1) / settings.batch());
        for (int epoch = 0; epoch < settings.epochs(); epoch++) {
            for (int i = rows.length - 1; i > 0; i--) {
                int j = order.nextInt(i + 1);
                int swap = rows[i];
                rows[i] = rows[j];
                rows[j] = swap;
            }
            for (int from = 0; from < rows.length; from += settings.batch()) {
                int to = Math.min(rows.length, from + settings.batch());
                for (int i = from; i < to; i++) trainer.accumulate(x[rows[i]], targets[rows[i]], 1f / (to - from));
                double cosine = 0.5 * (1 + Math.cos(Math.PI * trainer.step / steps));
                trainer.update(settings.rate() * (0.02 + 0.98 * cosine));
            }
        }
        return trainer.head();
    }

    Head head() {
        boolean softmax = settings.loss() == Loss.SOFTMAX;
        Layer first = layers.getFirst();
        Layer last = layers.getLast();
        return layers.size() == 1
                ? new LinearHead(first.columns(), first.bias.clone(), softmax)
                : new MlpHead(first.columns(), first.bias.clone(), last.columns(), last.bias.clone(), softmax);
    }

    /// Adds one row's gradient, times `scale`, and returns its loss (not scaled).
    double accumulate(float[] x, boolean[] target, float scale) {
        Layer last = layers.getLast();
        float[] input = x;
        float[] before = null;
        if (layers.size() == 2) {
            before = layers.getFirst().forward(x);
            input = new float[before.length];
            for (int h = 0; h < input.length; h++) input[h] = (float) MlpHead.gelu(before[h]);
        }
        float[] slope = last.forward(input); // logits, turned into the gradient in place
        double loss = settings.loss() == Loss.SOFTMAX ? softmax(slope, target) : sigmoid(slope, target);
        for (int c = 0; c < labels; c++) slope[c] *= scale;
        if (before != null) {
            float[] back = new float[before.length];
            for (int h = 0; h < back.length; h++) {
                float sum = 0;
                float[] column = last.weight[h];
                for (int c = 0; c < labels; c++) sum += column[c] * slope[c];
                back[h] = sum * (float) MlpHead.geluSlope(before[h]);
            }
            layers.getFirst().accumulate(x, back);
        }
        last.accumulate(input, slope);
        return loss;
    }

    /// Cross-entropy against the targets' mass spread evenly over the row's labels, smoothed.
    private double softmax(float[] logits, boolean[] target) {
        double top = Double.NEGATIVE_INFINITY;
        int positives = 0;
        for (int c = 0; c < labels; c++) {
            top = Math.max(top, logits[c]);
            if (target[c]) positives++;
        }
        double sum = 0;
        for (float logit : logits) sum += Math.exp(logit - top);
        double loss = 0;
        double smoothing = settings.smoothing();
        for (int c = 0; c < labels; c++) {
            double wanted = (target[c] ? (1 - smoothing) / positives : 0) + smoothing / labels;
            double log = logits[c] - top - Math.log(sum);
            loss -= wanted * log;
            logits[c] = (float) (Math.exp(log) - wanted);
        }
        return loss;
    }

    /// Binary cross-entropy per label, summed.
    private double sigmoid(float[] logits, boolean[] target) {
        double loss = 0;
        for (int c = 0; c < labels; c++) {
            double wanted = target[c] ? 1 - settings.smoothing() / 2 : settings.smoothing() / 2 / labels;
            double z = logits[c];
            double p = 1 / (1 + Math.exp(-z));
            loss += Math.max(z, 0) - z * wanted + Math.log1p(Math.exp(-Math.abs(z)));
            logits[c] = (float) (p - wanted);
        }
        return loss;
    }

    void update(double rate) {
        step++;
        for (Layer layer : layers) layer.update(rate, settings.decay(), step);
    }

    /// Parameter `index` of the flattened layers (weights column by column, then bias), for gradient checks.
    float parameter(int index, Float set) {
        for (Layer layer : layers) {
            int weights = layer.weight.length * layer.bias.length;
            if (index < weights + layer.bias.length) {
                float[] home = index < weights ? layer.weight[index / layer.bias.length] : layer.bias;
                int at = index < weights ? index % layer.bias.length : index - weights;
                if (set != null) home[at] = set;
                return home[at];
            }
            index -= weights + layer.bias.length;
        }
        throw new IndexOutOfBoundsException(index);
    }

    /// The accumulated gradient of parameter `index`.
    float gradient(int index) {
        for (Layer layer : layers) {
            int weights = layer.weight.length * layer.bias.length;
            if (index < weights) return layer.gradient[index / layer.bias.length][index % layer.bias.length];
            if (index < weights + layer.bias.length) return layer.biasGradient[index - weights];
            index -= weights + layer.bias.length;
        }
        throw new IndexOutOfBoundsException(index);
    }

    /// Weights [inputs][outputs] with gradient and AdamW moments.
    private static final class Layer {
        private static final float BETA1 = 0.9f;
        private static final float BETA2 = 0.99f;
        final float[][] weight;
        final float[] bias;
        final float[][] gradient;
        final float[] biasGradient;
        private final float[][] moment1;
        private final float[][] moment2;
        private final float[] biasMoment1;
        private final float[] biasMoment2;

        Layer(int inputs, int outputs, double spread, SplittableRandom random) {
            weight = new float[inputs][outputs];
            gradient = new float[inputs][outputs];
            moment1 = new float[inputs][outputs];
            moment2 = new float[inputs][outputs];
            bias = new float[outputs];
            biasGradient = new float[outputs];
            biasMoment1 = new float[outputs];
            biasMoment2 = new float[outputs];
            for (float[] column : weight) {
                for (int o = 0; o < outputs; o++) column[o] = (float) (spread * random.nextGaussian());
            }
        }

        float[] forward(float[] x) {
            float[] y = bias.clone();
            for (int i = 0; i < x.length; i++) {
                float scale = x[i];
                float[] column = weight[i];
                for (int o = 0; o < y.length; o++) y[o] += scale * column[o];
            }
            return y;
        }

        void accumulate(float[] x, float[] slope) {
            for (int i = 0; i < x.length; i++) {
                float scale = x[i];
                float[] column = gradient[i];
                for (int o = 0; o < slope.length; o++) column[o] += scale * slope[o];
            }
            for (int o = 0; o < slope.length; o++) biasGradient[o] += slope[o];
        }

        void update(double rate, double decay, int step) {
            float correct1 = (float) (1 - Math.pow(BETA1, step));
            float correct2 = (float) (1 - Math.pow(BETA2, step));
            for (int i = 0; i < weight.length; i++) {
                adamW(weight[i], gradient[i], moment1[i], moment2[i], (float) rate, (float) (rate * decay), correct1, correct2);
            }
            adamW(bias, biasGradient, biasMoment1, biasMoment2, (float) rate, 0, correct1, correct2);
        }

        private static void adamW(
                float[] w, float[] g, float[] m, float[] v, float rate, float shrink, float correct1, float correct2) {
            for (int i = 0; i < w.length; i++) {
                m[i] = BETA1 * m[i] + (1 - BETA1) * g[i];
                v[i] = BETA2 * v[i] + (1 - BETA2) * g[i] * g[i];
                w[i] -= shrink * w[i] + rate * (m[i] / correct1) / ((float) Math.sqrt(v[i] / correct2) + 1e-8f);
                g[i] = 0;
            }
        }

        Columns columns() {
            float[][] copy = new float[weight.length][];
            for (int i = 0; i < copy.length; i++) copy[i] = weight[i].clone();
            return new Columns(copy, bias.length);
        }
    }
}
