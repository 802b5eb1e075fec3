// SPDX-License-Identifier: Apache-2.0
package dev.stoa.kernel.scalar;

import dev.stoa.kernel.Updates;
import dev.stoa.kernel.Workers;
import dev.stoa.tensor.Tensor;

/// The definitions of the optimizer arithmetic, written out.
final class ScalarUpdates implements Updates {
    private final Workers workers;

    ScalarUpdates(Workers workers) {
        this.workers = workers;
    }

    @Override
    public void adamw(Tensor weight, Tensor gradient, Tensor m, Tensor v, Adam step) {
        workers.parallel(Math.toIntExact(weight.elements()), 4096, (worker, from, to) -> {
            for (int i = from; i < to; i++) {
                float g = gradient.get(i) * step.gradientScale();
                float first = step.beta1() * m.get(i) + (1 - step.beta1()) * g;
                float second = step.beta2() * v.get(i) + (1 - step.beta2()) * g * g;
                m.set(i, first);
                v.set(i, second);
                float change = first / step.correction1()
                        / ((float) Math.sqrt(second / step.correction2()) + step.epsilon());
                weight.set(i, weight.get(i) * (1 - step.rate() * step.decay()) - step.rate() * change);
            }
        });
    }

    @Override
    public void nesterov(Tensor gradient, float scale, float momentum, Tensor buffer, Tensor update) {
        workers.parallel(Math.toIntExact(gradient.elements()), 4096, (worker, from, to) -> {
            for (int i = from; i < to; i++) {
                float g = scale * gradient.get(i);
                float b = momentum * buffer.get(i) + g;
                buffer.set(i, b);
                update.set(i, g + momentum * b);
            }
        });
    }

    @Override
    public void axpby(float alpha, Tensor x, float beta, Tensor y) {
        workers.parallel(Math.toIntExact(x.elements()), 4096, (worker, from, to) -> {
            for (int i = from; i < to; i++) y.set(i, alpha * x.get(i) + (beta == 0 ? 0 : beta * y.get(i)));
        });
    }

    @Override
    public double sumSquares(Tensor x) {
        double sum = 0;
        for (long i = 0; i < x.elements(); i++) sum += (double) x.get(i) * x.get(i);
        return sum;
    }
}
