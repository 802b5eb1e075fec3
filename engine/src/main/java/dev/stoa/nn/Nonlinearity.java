// SPDX-License-Identifier: Apache-2.0
package dev.stoa.nn;

import dev.stoa.kernel.Kernels;
import dev.stoa.tensor.Tensor;

/// The functions between the matrices of a feed-forward block.
public enum Nonlinearity {
    SILU,
    /// x/2 (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3))), Hendrycks & Gimpel 1606.08415.
    GELU_TANH,
    /// x/2 (1 + erf(x / sqrt 2)).
    GELU_ERF,
    RELU;

    private static final int GRAIN = 1 << 12;
    private static final double ROOT = Math.sqrt(2 / Math.PI);

    /// The function a config names (`silu`, `gelu_pytorch_tanh`, …), or null.
    public static Nonlinearity of(String name) {
        return switch (name) {
            case "silu", "swish" -> SILU;
            case "gelu_pytorch_tanh", "gelu_new", "gelu_tanh" -> GELU_TANH;
            case "gelu" -> GELU_ERF;
            case "relu" -> RELU;
            default -> null;
        };
    }

    public double apply(double x) {
        return switch (this) {
            case SILU -> x / (1 + Math.exp(-x));
            case GELU_TANH -> 0.5 * x * (1 + Math.tanh(ROOT * (x + 0.044715 * x * x * x)));
            case GELU_ERF -> 0.5 * x * (1 + Erf.of(x / Math.sqrt(2)));
            case RELU -> Math.max(0, x);
        };
    }

    /// gate = f(gate) * up, all (T, I).
    public void gated(Kernels kernels, Tensor gate, Tensor up) {
        if (this == SILU) {
            kernels.activation().swiglu(gate, up, gate);
            return;
        }
        kernels.workers().parallel(Math.toIntExact(gate.elements()), GRAIN, (worker, from, to) -> {
            for (int i = from; i < to; i++) gate.set(i, (float) (apply(gate.get(i)) * up.get(i)));
        });
    }

    /// x = f(x).
    public void plain(Kernels kernels, Tensor x) {
        kernels.workers().parallel(Math.toIntExact(x.elements()), GRAIN, (worker, from, to) -> {
            for (int i = from; i < to; i++) x.set(i, (float) apply(x.get(i)));
        });
    }
}
