// SPDX-License-Identifier: Apache-2.0
package dev.stoa.model.family;

import java.util.ArrayList;
import java.util.List;
import tools.jackson.databind.node.JsonNodeFactory;
import tools.jackson.databind.node.ObjectNode;

/// From the factors of `rope_freqs.weight` back to the numbers of llama3 scaling: between the short wavelengths, which stay,
/// and the long ones, which are divided by `factor`, 1/f_i = (1 - s_i) / factor + s_i with
/// s_i = (original / wavelength_i - low) / (high - low), a line over 1 / wavelength.
///
/// Only ratios show in the factors, so low is taken as 1, as published. With fewer than two pairs in between, several
/// numbers give the same factors; whole and usual ones are tried first.
final class Llama3Factors {
    private static final double USUAL_ORIGINAL = 8192;
    private static final double[] USUAL_HIGH = {4, 2, 8, 3, 16, 1.5};
    private static final double ERROR = 1e-5;

    /// Numbers that may have given the factors.
    private record Guess(double original, double high) {}

    private Llama3Factors() {}

    /// The `rope_scaling` that gives these factors, or null when all are 1 or none does.
    static ObjectNode scaling(float[] factors, double theta) {
        double factor = 1;
        for (float f : factors) factor = Math.max(factor, f);
        if (factor == 1) return null;
        double[] wavelengths = new double[factors.length];
        List<double[]> points = new ArrayList<>();
        double kept = 0;
        double divided = Double.POSITIVE_INFINITY;
        for (int i = 0; i < factors.length; i++) {
            wavelengths[i] = 2 * Math.PI * Math.pow(theta, (double) i / factors.length);
            if (factors[i] == 1) kept = Math.max(kept, wavelengths[i]);
            else if (factors[i] >= factor) divided = Math.min(divided, wavelengths[i]);
            else points.add(new double[] {1 / wavelengths[i], (1 / (double) factors[i] - 1 / factor) / (1 - 1 / factor)});
        }
        for (Guess guess : guesses(points, kept, divided)) {
            if (!gives(guess, wavelengths, factors, factor)) continue;
            ObjectNode node = JsonNodeFactory.instance.objectNode();
            node.put("rope_type", "llama3").put("factor", rounded(factor)).put("low_freq_factor", 1.0).put("high_freq_factor", guess.high());
            if (guess.original() == Math.rint(guess.original())) return node.put("original_max_position_embeddings", (long) guess.original());
            return node.put("original_max_position_embeddings", guess.original());
        }
        return null;
    }

    private static List<Guess> guesses(List<double[]> points, double kept, double divided) {
        List<Guess> guesses = new ArrayList<>();
        if (points.size() >= 2) {
            double[] a = points.getFirst();
            double[] b = points.getLast();
            double slope = (a[1] - b[1]) / (a[0] - b[0]);
            double offset = slope * a[0] - a[1];
            double high = rounded(1 / offset + 1);
            guesses.add(new Guess(Math.rint(slope * (high - 1)), high));
            guesses.add(new Guess(slope / offset, 1 / offset + 1));
        } else if (points.size() == 1) {
            for (double high : USUAL_HIGH) guesses.add(new Guess(Math.rint((points.getFirst()[1] * (high - 1) + 1) / points.getFirst()[0]), high));
            for (double high : USUAL_HIGH) guesses.add(new Guess((points.getFirst()[1] * (high - 1) + 1) / points.getFirst()[0], high));
        } else {
            guesses.add(new Guess(USUAL_ORIGINAL, 4));
            // A band inside the gap, its long end three quarters of the way, so that no pair is in it.
            double low = Math.max(kept, 1e-3);
            double high = Double.isInfinite(divided) ? low * 16 : divided;
            for (double usual : USUAL_HIGH) guesses.add(new Guess(Math.rint(Math.sqrt(low * high * usual)), usual));
            guesses.add(new Guess(Math.pow(low, 0.25) * Math.pow(high, 0.75), Math.sqrt(high / low)));
        }
        return guesses;
    }

    private static boolean gives(Guess guess, double[] wavelengths, float[] factors, double factor) {
        if (!(guess.high() > 1) || !(guess.original() > 0)) return false;
        for (int i = 0; i < factors.length; i++) {
            double s = Math.clamp((guess.original() / wavelengths[i] - 1) / (guess.high() - 1), 0.0, 1.0);
            if (Math.abs(1 / ((1 - s) / factor + s) - factors[i]) > ERROR * factors[i]) return false;
        }
        return true;
    }

    private static double rounded(double value) {
        double near = Math.rint(value * 64) / 64;
        return Math.abs(near - value) < 1e-4 * value ? near : value;
    }
}
