// SPDX-License-Identifier: Apache-2.0
package dev.stoa.kernel;

import dev.stoa.tensor.Tensor;

/// Elementwise arithmetic of optimizers, all F32 and of equal shape within a call.
public interface Updates {
    /// What one AdamW step needs beside the tensors (Loshchilov and Hutter, 1711.05101). `gradientScale` multiplies
    /// the gradient first; corrections are 1 - beta^t.
    record Adam(float rate, float beta1, float beta2, float epsilon, float decay, float correction1, float correction2,
            float gradientScale) {}

    /// m = b1 m + (1 - b1) g; v = b2 v + (1 - b2) g^2; w = w (1 - rate decay) - rate (m / c1) / (sqrt(v / c2) + eps).
    void adamw(Tensor weight, Tensor gradient, Tensor m, Tensor v, Adam step);

    /// g = scale * gradient; buffer = momentum * buffer + g; update = g + momentum * buffer.
    void nesterov(Tensor gradient, float scale, float momentum, Tensor buffer, Tensor update);

    /// y = alpha * x + beta * y; beta 0 ignores old values of y, which may be x.
    void axpby(float alpha, Tensor x, float beta, Tensor y);

    /// Sum of squares in double, in fixed blocks; not finite when any element is not.
    double sumSquares(Tensor x);
}
