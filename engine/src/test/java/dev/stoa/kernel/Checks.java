// SPDX-License-Identifier: Apache-2.0
package dev.stoa.kernel;

import dev.stoa.tensor.Tensor;

/// Comparisons of results.
final class Checks {
    private Checks() {}

    /// Equal within `tolerance`, absolute for small and relative for large values; NaN and infinities must match.
    static void close(Tensor actual, Tensor expected, double tolerance, String what, Object... args) {
        for (long i = 0; i < expected.elements(); i++) {
            float a = actual.get(i);
            float e = expected.get(i);
            boolean ok = Float.compare(a, e) == 0 || Math.abs((double) a - e) <= tolerance * Math.max(1, Math.abs(e));
            if (!ok) throw new AssertionError(what.formatted(args) + ": element " + i + " is " + a + ", expected " + e);
        }
    }

    /// The same bits.
    static void same(Tensor actual, Tensor expected, String what, Object... args) {
        long at = actual.data().mismatch(expected.data());
        if (at >= 0) {
            throw new AssertionError(what.formatted(args) + ": element " + at / 4 + " is " + actual.get(at / 4) + ", expected "
                    + expected.get(at / 4) + ", bits differ");
        }
    }
}
