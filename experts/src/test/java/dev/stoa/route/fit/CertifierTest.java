// SPDX-License-Identifier: Apache-2.0
package dev.stoa.route.fit;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.util.Arrays;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;

class CertifierTest {
    @Test
    void clopperPearsonBounds() {
        assertThat(Certifier.upperBound(0, 59, 0.05)).isCloseTo(0.0495, within(5e-5));
        assertThat(Certifier.upperBound(3, 200, 0.05)).isCloseTo(0.0383, within(5e-5));
        assertThat(Certifier.upperBound(5, 5, 0.05)).isEqualTo(1);
        assertThat(Certifier.upperBound(0, 0, 0.05)).isEqualTo(1);
        assertThat(Certifier.rowsNeeded(0, 0.05, 0.05)).isEqualTo(59);
        assertThat(Certifier.rowsNeeded(1, 0.05, 0.05)).isEqualTo(93);
        assertThat(Certifier.rowsNeeded(2, 0.05, 0.05)).isEqualTo(124);
        assertThat(Certifier.rowsNeeded(3, 0.05, 0.05)).isEqualTo(153);
    }

    @Test
    void letsThroughAsMuchAsTheGuaranteeAllows() {
        // Out-of-domain rows score below 0, others above: everything in-domain can be routed.
        Certifier.Row[] rows = new Certifier.Row[600];
        for (int i = 0; i < rows.length; i++) {
            boolean outside = i % 4 == 0;
            rows[i] = new Certifier.Row(outside ? -1 - i * 1e-3 : 1 + i * 1e-3, true, outside, outside);
        }
        Certifier.Choice choice = Certifier.choose(rows, 0.05, 0.05);
        assertThat(choice.certificate().certified()).isTrue();
        assertThat(choice.tau()).isLessThan(1.02);
        assertThat(choice.certificate().violations()).isLessThanOrEqualTo(14);
    }

    @Test
    void refusesToCertifyWhatItCannot() {
        Certifier.Row[] noOutsiders = new Certifier.Row[500];
        Arrays.setAll(noOutsiders, i -> new Certifier.Row(i, true, false, false));
        Certifier.Choice choice = Certifier.choose(noOutsiders, 0.05, 0.05);
        assertThat(choice.certificate().certified()).isFalse();
        assertThat(choice.certificate().missingRows()).isEqualTo(59);
        assertThat(Certifier.choose(new Certifier.Row[0], 0.05, 0.05).certificate().certified()).isFalse();
        Certifier.Row[] hopeless = new Certifier.Row[500];
        Arrays.setAll(hopeless, i -> new Certifier.Row(i * 7 % 500, true, i % 2 == 0, i % 2 == 0));
        assertThat(Certifier.choose(hopeless, 0.05, 0.05).certificate().certified()).isFalse();
    }

    /// Over many calibrations the true risk exceeds alpha no more often than delta; picking the loosest threshold whose
    /// plain estimate looks good exceeds it far more often.
    @Test
    void theGuaranteeHoldsAndPlainTuningBreaksIt() {
        SplittableRandom random = new SplittableRandom(17);
        int runs = 1_000;
        int broken = 0;
        int brokenPlain = 0;
        int certified = 0;
        for (int run = 0; run < runs; run++) {
            Certifier.Row[] rows = new Certifier.Row[400];
            for (int i = 0; i < rows.length; i++) {
                double score = random.nextDouble();
                boolean violation = random.nextDouble() < risk(score);
                rows[i] = new Certifier.Row(score, true, violation, violation);
            }
            // Only the first risk is simulated: the out-of-domain rows are the violations, of which most are held back.
            Certifier.Choice choice = Certifier.choose(withManyOutsiders(rows), 0.05, 0.05);
            if (choice.certificate().certified()) {
                certified++;
                if (riskAbove(choice.tau()) > 0.05) broken++;
            }
            if (riskAbove(plain(rows)) > 0.05) brokenPlain++;
        }
        assertThat(certified).isGreaterThan(runs / 2);
        assertThat(broken).isLessThanOrEqualTo((int) (0.07 * runs));
        assertThat(brokenPlain).isGreaterThan(3 * Math.max(broken, 30));
    }

    /// The second risk is made easy to certify, so that the first one decides.
    private static Certifier.Row[] withManyOutsiders(Certifier.Row[] rows) {
        Certifier.Row[] all = Arrays.copyOf(rows, rows.length + 2_000);
        for (int i = rows.length; i < all.length; i++) all[i] = new Certifier.Row(rows[i % rows.length].score(), false, false, true);
        return all;
    }

    private static double risk(double score) {
        return 0.25 * (1 - score) * (1 - score);
    }

    /// Mean risk of scores uniform above tau.
    private static double riskAbove(double tau) {
        double t = Math.clamp(tau, 0, 1);
        return 0.25 * (1 - t) * (1 - t) / 3;
    }

    private static double plain(Certifier.Row[] rows) {
        Certifier.Row[] sorted = rows.clone();
        Arrays.sort(sorted, (a, b) -> Double.compare(b.score(), a.score()));
        double tau = 1;
        int bad = 0;
        for (int i = 0; i < sorted.length; i++) {
            if (sorted[i].violation()) bad++;
            if (i >= 100 && bad <= 0.05 * (i + 1)) tau = sorted[i].score();
        }
        return tau;
    }
}
