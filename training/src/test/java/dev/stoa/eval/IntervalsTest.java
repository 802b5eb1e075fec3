// SPDX-License-Identifier: Apache-2.0
package dev.stoa.eval;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import dev.stoa.eval.Intervals.Interval;
import org.junit.jupiter.api.Test;

class IntervalsTest {
    @Test
    void wilsonEqualsPublishedValuesAndStaysInside() {
        Interval interval = Intervals.wilson(81, 263); // Newcombe 1998, table I: .2553 to .3662
        assertThat(interval.low()).isCloseTo(.2553, within(5e-5));
        assertThat(interval.high()).isCloseTo(.3662, within(5e-5));
        assertThat(Intervals.wilson(0, 10).low()).isZero();
        assertThat(Intervals.wilson(10, 10).high()).isEqualTo(1);
    }

    @Test
    void clopperPearsonEqualsTheRoutingCertificate() {
        assertThat(Intervals.clopperPearsonUpper(0, 59, .05)).isCloseTo(.0495, within(5e-5));
        assertThat(Intervals.clopperPearsonUpper(3, 200, .05)).isCloseTo(.0383, within(5e-5));
        assertThat(Intervals.clopperPearsonUpper(7, 7, .05)).isEqualTo(1);
        // the bounds are what the binomial says they are
        double upper = Intervals.clopperPearsonUpper(2, 30, .05);
        assertThat(binomialAtMost(2, 30, upper)).isCloseTo(.05, within(1e-9));
        double lower = Intervals.clopperPearsonLower(2, 30, .05);
        assertThat(1 - binomialAtMost(1, 30, lower)).isCloseTo(.05, within(1e-9));
        assertThat(Intervals.clopperPearsonLower(0, 30, .05)).isZero();
    }

    @Test
    void pairedDifferenceIsTheFormulaAndItsMirror() {
        Interval interval = Intervals.pairedDifference(10, 4, 100, 1.96); // d = 6/102, se = sqrt(15 - 36/102)/102
        double d = 6 / 102.0;
        double half = 1.96 * Math.sqrt(15 - 36 / 102.0) / 102;
        assertThat(interval.value()).isEqualTo(.06);
        assertThat(interval.low()).isCloseTo(d - half, within(1e-12));
        assertThat(interval.high()).isCloseTo(d + half, within(1e-12));
        Interval mirrored = Intervals.pairedDifference(4, 10, 100, 1.96);
        assertThat(mirrored.low()).isCloseTo(-interval.high(), within(1e-12));
        boolean[] same = {true, false, true};
        assertThat(Intervals.pairedDifference(same, same).value()).isZero();
    }

    @Test
    void mcnemarCountsTails() {
        assertThat(Intervals.mcnemar(0, 0)).isEqualTo(1);
        assertThat(Intervals.mcnemar(3, 0)).isCloseTo(1 / 8.0, within(1e-9));
        assertThat(Intervals.mcnemar(4, 1)).isCloseTo(6 / 32.0, within(1e-9));
    }

    @Test
    void bootstrapCoversTheMeanAndRepeats() {
        int covered = 0;
        for (int run = 0; run < 200; run++) {
            SplitMix64 random = SplitMix64.of(run, "data");
            double[] values = new double[60];
            for (int i = 0; i < values.length; i++) values[i] = random.uniform();
            if (Intervals.bootstrapMean(values, 400, 42).contains(.5)) covered++;
        }
        assertThat(covered).isBetween(178, 199);
        double[] values = {0, 1, 1, 0, 1};
        assertThat(Intervals.bootstrapMean(values, 500, 42)).isEqualTo(Intervals.bootstrapMean(values, 500, 42));
        assertThat(Intervals.bootstrapMean(new double[] {3, 3}, 10, 1)).isEqualTo(new Interval(3, 3, 3, 2));
    }

    @Test
    void impossibleCountsAreRefused() {
        assertThatThrownBy(() -> Intervals.wilson(3, 2)).isInstanceOf(IllegalArgumentException.class);
        assertThatThrownBy(() -> Intervals.wilson(0, 0)).isInstanceOf(IllegalArgumentException.class);
        assertThatThrownBy(() -> Intervals.bootstrapMean(new double[0], 10, 1))
                .isInstanceOf(IllegalArgumentException.class);
        assertThatThrownBy(() -> Intervals.pairedDifference(new boolean[1], new boolean[2]))
                .isInstanceOf(IllegalArgumentException.class);
    }

    private static double binomialAtMost(int k, int n, double p) {
        double total = 0;
        for (int i = 0; i <= k; i++) {
            double choose = 1;
            for (int j = 0; j < i; j++) choose = choose * (n - j) / (j + 1);
            total += choose * Math.pow(p, i) * Math.pow(1 - p, n - i);
        }
        return total;
    }
}
