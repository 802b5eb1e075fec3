// SPDX-License-Identifier: Apache-2.0
package dev.stoa.nn;

/// A normalization over the last dimension. RMS: y = x * rsqrt(mean(x^2) + eps) * (w + weightOffset);
/// LAYER: y = (x - mean) * rsqrt(var + eps) * w + b.
public record NormSpec(Kind kind, float eps, float weightOffset) {
    /// Which statistic the values are divided by.
    public enum Kind { RMS, LAYER }

    /// An RMS norm.
    public NormSpec(float eps, float weightOffset) {
        this(Kind.RMS, eps, weightOffset);
    }

    /// A layer norm, with a bias of its own.
    public static NormSpec layer(float eps) {
        return new NormSpec(Kind.LAYER, eps, 0);
    }
}
