// SPDX-License-Identifier: Apache-2.0
package dev.stoa.model;

/// RMS norm: y = x * rsqrt(mean(x^2) + eps) * (w + weightOffset).
public record NormSpec(float eps, float weightOffset) {}
