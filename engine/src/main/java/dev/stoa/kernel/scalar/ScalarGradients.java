// SPDX-License-Identifier: Apache-2.0
package dev.stoa.kernel.scalar;

import dev.stoa.kernel.Gradients;
import dev.stoa.kernel.Workers;
import dev.stoa.tensor.Tensor;

/// The definitions of the training gradients, written out; sums in double.
final class ScalarGradients implements Gradients {
    private final Workers workers;

    ScalarGradients(Workers workers) {
        this.workers = workers;
    }

    @Override
    public void rms(Tensor x, Tensor weight, float eps, float offset, Tensor dy, Tensor dx, boolean accumulate,
            Tensor dWeight, Tensor inverse) {
        int width = x.cols();
        workers.parallel(x.rows(), 8, (worker, from, to) -> {
            for (int row = from; row < to; row++) {
                long at = (long) row * width;
                double squares = 0, dot = 0;
                for (int i = 0; i < width; i++) {
                    double value = x.get(at + i);
                    squares += value * value;
                    dot += value * dy.get(at + i) * scale(weight, offset, i);
                }
                double r = 1 / Math.sqrt(squares / width + eps);
                inverse.set(row, (float) r);
                if (dx == null) continue;
                for (int i = 0; i < width; i++) {
                    double value = r * dy.get(at + i) * scale(weight, offset, i) - x.get(at + i) * r * r * r * dot / width;
                    dx.set(at + i, (float) (value + (accumulate ? dx.get(at + i) : 0)));
                }
            }
        });
        if (dWeight == null) return;
        workers.parallel(width, 16, (worker, from, to) -> {
            for (int i = from; i < to; i++) {
                double sum = dWeight.get(i);
                for (int row = 0; row < x.rows(); row++) {
                    sum += (double) dy.get((long) row * width + i) * x.get((long) row * width + i) * inverse.get(row);
                }
                dWeight.set(i, (float) sum);
            }
        });
    }

    private static double scale(Tensor weight, float offset, int i) {
        return weight == null ? 1 : weight.get(i) + offset;
    }

    @Override
    public void swiglu(Tensor gate, Tensor up, Tensor dy, Tensor dGate, Tensor dUp) {
        int count = Math.toIntExact(dy.elements());
        workers.parallel(count, 1024, (worker, from, to) -> {
            for (int i = from; i < to; i++) {
                double g = gate.get(i), u = up.get(i), sigmoid = 1 / (1 + Math.exp(-g));
                dGate.set(i, (float) (dy.get(i) * u * sigmoid * (1 + g * (1 - sigmoid))));
                dUp.set(i, (float) (dy.get(i) * g * sigmoid));
            }
        });
    }

    @Override
    public void lossRows(Tensor logits, Tensor base, int[] targets, float[] hard, float[] soft, boolean gradient,
            double[] nll, double[] kl, int[] best) {
        int vocab = logits.cols();
        workers.parallel(logits.rows(), 1, (worker, from, to) -> {
            for (int row = from; row < to; row++) {
                long at = (long) row * vocab;
                double lse = logSumExp(logits, at, vocab), baseLse = base == null ? 0 : logSumExp(base, at, vocab);
                nll[row] = lse - logits.get(at + targets[row]);
                double divergence = 0;
                int largest = 0;
                for (int i = 0; i < vocab; i++) {
                    if (logits.get(at + i) > logits.get(at + largest)) largest = i;
                    double logP = logits.get(at + i) - lse, logQ = base == null ? 0 : base.get(at + i) - baseLse;
                    if (base != null) divergence += Math.exp(logQ) * (logQ - logP);
                }
                best[row] = largest;
                kl[row] = divergence;
                if (!gradient) continue;
                for (int i = 0; i < vocab; i++) {
                    double p = Math.exp(logits.get(at + i) - lse);
                    double q = base == null ? p : Math.exp(base.get(at + i) - baseLse);
                    logits.set(at + i, (float) (hard[row] * (p - (i == targets[row] ? 1 : 0)) + soft[row] * (p - q)));
                }
            }
        });
    }

    private static double logSumExp(Tensor x, long at, int count) {
        double max = Double.NEGATIVE_INFINITY, sum = 0;
        for (int i = 0; i < count; i++) max = Math.max(max, x.get(at + i));
        for (int i = 0; i < count; i++) sum += Math.exp(x.get(at + i) - max);
        return max + Math.log(sum);
    }

    @Override
    public void columnSums(Tensor x, Tensor out) {
        int width = x.cols();
        workers.parallel(width, 16, (worker, from, to) -> {
            for (int i = from; i < to; i++) {
                double sum = out.get(i);
                for (int row = 0; row < x.rows(); row++) sum += x.get((long) row * width + i);
                out.set(i, (float) sum);
            }
        });
    }

    @Override
    public void addRow(Tensor row, Tensor y) {
        int width = y.cols();
        for (long i = 0; i < y.elements(); i++) y.set(i, y.get(i) + row.get(i % width));
    }

    @Override
    public void gather(Tensor table, int[] rows, float scale, Tensor out) {
        int width = table.cols();
        for (int i = 0; i < rows.length; i++) {
            for (int c = 0; c < width; c++) {
                out.set((long) i * width + c, scale * table.get((long) rows[i] * width + c));
            }
        }
    }

    @Override
    public void scatterAdd(Tensor x, int[] rows, float scale, Tensor table) {
        int width = table.cols();
        for (int i = 0; i < rows.length; i++) {
            for (int c = 0; c < width; c++) {
                long to = (long) rows[i] * width + c;
                table.set(to, table.get(to) + scale * x.get((long) i * width + c));
            }
        }
    }
}
