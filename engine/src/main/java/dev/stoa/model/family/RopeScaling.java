// SPDX-License-Identifier: Apache-2.0
package dev.stoa.model.family;

import dev.stoa.EngineFault;
import dev.stoa.Fault;
import dev.stoa.model.ModelConfig.RopeParameters;
import dev.stoa.nn.RopeSpec;

/// From rope parameters to final frequencies: freq_i = theta^(-2i/d), then the scaling the config names
/// (default, linear, llama3, proportional, and yarn of Peng et al., 2309.00071), as transformers computes them.
final class RopeScaling {
    private RopeScaling() {}

    /// The rotation of heads of `headDim` channels as the parameters say.
    static RopeSpec of(RopeParameters rope, int headDim, int maxPositions) {
        return partial(rope, headDim, rope.partialRotaryFactor(), maxPositions);
    }

    /// The rotation of the first floor(headDim * partial) channels. Only `proportional` counts its exponents over the
    /// whole head and gives the pairs it leaves alone the frequency 0.
    static RopeSpec partial(RopeParameters rope, int headDim, double partial, int maxPositions) {
        if (rope.type().equals("proportional")) return new RopeSpec(proportional(rope, headDim, partial), 1);
        int dim = (int) (headDim * partial) / 2 * 2;
        double[] plain = new double[dim / 2];
        for (int i = 0; i < plain.length; i++) plain[i] = Math.pow(rope.theta(), -2.0 * i / dim);
        double original = Double.isNaN(rope.originalMaxPositions()) ? maxPositions : rope.originalMaxPositions();
        return switch (rope.type()) {
            case "default" -> new RopeSpec(plain, 1);
            case "linear" -> new RopeSpec(divided(plain, rope.factor()), 1);
            case "llama3" -> new RopeSpec(llama3(plain, rope, original), 1);
            case "yarn" -> new RopeSpec(yarn(plain, rope, dim, original), yarnMagnitude(rope));
            default -> throw Fault.of(EngineFault.CONFIG_UNKNOWN_TYPE, "rope type is not supported")
                    .where("rope_parameters / rope_scaling").got(rope.type())
                    .expected("default, linear, llama3, yarn or proportional").exception();
        };
    }

    private static double[] proportional(RopeParameters rope, int headDim, double partial) {
        double[] frequencies = new double[headDim / 2];
        int rotated = (int) Math.floor(partial * headDim / 2);
        for (int i = 0; i < rotated; i++) frequencies[i] = Math.pow(rope.theta(), -2.0 * i / headDim) / rope.factor();
        return frequencies;
    }

    private static double[] divided(double[] frequencies, double factor) {
        double[] scaled = frequencies.clone();
        for (int i = 0; i < scaled.length; i++) scaled[i] /= factor;
        return scaled;
    }

    /// Long wavelengths are divided by the factor, short ones kept, the band between interpolated.
    private static double[] llama3(double[] frequencies, RopeParameters rope, double original) {
        double[] scaled = frequencies.clone();
        for (int i = 0; i < scaled.length; i++) {
            double wavelength = 2 * Math.PI / scaled[i];
            if (wavelength < original / rope.highFreqFactor()) continue;
            if (wavelength > original / rope.lowFreqFactor()) {
                scaled[i] /= rope.factor();
                continue;
            }
            double smooth = (original / wavelength - rope.lowFreqFactor()) / (rope.highFreqFactor() - rope.lowFreqFactor());
            scaled[i] = (1 - smooth) * scaled[i] / rope.factor() + smooth * scaled[i];
        }
        return scaled;
    }

    private static double[] yarn(double[] frequencies, RopeParameters rope, int headDim, double original) {
        double low = correction(rope.betaFast(), rope.theta(), headDim, original);
        double high = correction(rope.betaSlow(), rope.theta(), headDim, original);
        if (rope.truncate()) {
            low = Math.floor(low);
            high = Math.ceil(high);
        }
        low = Math.max(low, 0);
        high = Math.min(high, headDim - 1);
        if (low == high) high += 0.001; // as transformers: no division by zero
        double[] scaled = frequencies.clone();
        for (int i = 0; i < scaled.length; i++) {
            double ramp = Math.clamp((i - low) / (high - low), 0.0, 1.0);
            scaled[i] = frequencies[i] * (1 - ramp) + frequencies[i] / rope.factor() * ramp;
        }
        return scaled;
    }

    /// The channel whose wavelength fits `rotations` times into the original context.
    private static double correction(double rotations, double theta, int headDim, double original) {
        return headDim * Math.log(original / (rotations * 2 * Math.PI)) / (2 * Math.log(theta));
    }

    private static double yarnMagnitude(RopeParameters rope) {
        if (!Double.isNaN(rope.attentionFactor())) return rope.attentionFactor();
        if (!Double.isNaN(rope.mscale()) && !Double.isNaN(rope.mscaleAllDim())) {
            return magnitude(rope.factor(), rope.mscale()) / magnitude(rope.factor(), rope.mscaleAllDim());
        }
        return magnitude(rope.factor(), 1);
    }

    private static double magnitude(double factor, double scale) {
        return factor <= 1 ? 1 : 0.1 * scale * Math.log(factor) + 1;
    }
}
