// SPDX-License-Identifier: Apache-2.0
package dev.stoa.gate;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import dev.stoa.FaultException;
import dev.stoa.gate.SequentialLooks.Result;
import dev.stoa.gate.SequentialLooks.Verdict;
import java.util.Arrays;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;

class SequentialLooksTest {
    /// Discordant share, true drop, and the published shares of none, confirmed, uncertain, and the mean N.
    private static final double[][] TABLE = {
        {.01, 0, .999, 0, .001, 206},
        {.05, 0, .86, .003, .14, 399},
        {.10, 0, .58, .02, .40, 454},
        {.10, .03, .03, .52, .45, 459},
        {.10, .06, 0, .985, .015, 282},
        {.20, .10, 0, .999, .001, 210},
    };

    private record Characteristics(double none, double confirmed, double uncertain, double meanN) {}

    private static Characteristics simulate(double share, double drop, int runs, boolean looks) {
        SplittableRandom random = new SplittableRandom(Double.hashCode(share * 31 + drop));
        int[] counts = new int[Verdict.values().length];
        double n = 0;
        for (int run = 0; run < runs; run++) {
            boolean[] before = new boolean[512];
            boolean[] after = new boolean[512];
            for (int i = 0; i < 512; i++) {
                double u = random.nextDouble();
                boolean lost = u < (share + drop) / 2;
                boolean won = !lost && u < share;
                boolean both = random.nextBoolean();
                before[i] = lost || !won && both;
                after[i] = won || !lost && both;
            }
            Result result = looks ? SequentialLooks.decide(before, after, 512) : mutant(before, after);
            counts[result.verdict().ordinal()]++;
            n += result.n();
        }
        return new Characteristics((double) counts[0] / runs, (double) counts[1] / runs, (double) counts[2] / runs,
                n / runs);
    }

    /// Mutant: every look uses the lenient interval of the last one.
    private static Result mutant(boolean[] before, boolean[] after) {
        int b = 0;
        int c = 0;
        for (int i = 0; i < before.length; i++) {
            if (before[i] && !after[i]) b++;
            if (after[i] && !before[i]) c++;
            int n = i + 1;
            if (n != 64 && n != 128 && n != 256 && n != 512) continue;
            Result early = SequentialLooks.look(b, c, n, true).orElseThrow();
            if (n == 512 || early.verdict() != Verdict.UNCERTAIN) return early;
        }
        throw new AssertionError();
    }

    @Test
    void thePublishedOperatingCharacteristicsAreReproduced() {
        for (double[] row : TABLE) {
            Characteristics got = simulate(row[0], row[1], 1500, true);
            String name = "discordant share " + row[0] + ", drop " + row[1] + ": " + got;
            assertThat(got.none()).as(name).isEqualTo(row[2], within(.03));
            assertThat(got.confirmed()).as(name).isEqualTo(row[3], within(.03));
            assertThat(got.uncertain()).as(name).isEqualTo(row[4], within(.03));
            assertThat(got.meanN()).as(name).isEqualTo(row[5], within(15.0));
        }
    }

    @Test
    void lookingEarlyWithoutStricterIntervalsIsFoundOut() {
        Characteristics mutant = simulate(.10, 0, 1500, false);
        assertThat(Math.abs(mutant.none() - .58) > .03 || Math.abs(mutant.confirmed() - .02) > .03)
                .as(mutant.toString()).isTrue();
    }

    @Test
    void looksAreAtDoublingsAndAtTheEnd() {
        int n = 0;
        int[] expected = {64, 128, 256, 512, 900};
        for (int look : expected) assertThat(n = SequentialLooks.nextLook(n, 900)).isEqualTo(look);
        assertThat(SequentialLooks.nextLook(0, 40)).isEqualTo(40);
        assertThat(SequentialLooks.decide(new boolean[40], new boolean[40], 512).n()).isEqualTo(40);
        assertThat(SequentialLooks.decide(new boolean[600], new boolean[600], 512).verdict()).isEqualTo(Verdict.NONE);
    }

    @Test
    void anAdapterWithoutEffectDropsExactlyNothing() {
        boolean[] wins = new boolean[64];
        for (int i = 0; i < 64; i += 3) wins[i] = true;
        Result result = SequentialLooks.decide(wins, wins.clone(), 512);
        assertThat(result.drop()).isZero();
        assertThat(result.onlyBefore() + result.onlyAfter()).isZero();
        assertThat(result.pValue()).isEqualTo(1, within(1e-12));
    }

    @Test
    void fewerThanThirtyProbesAreInsufficientWhateverTheyShow() {
        boolean[] won = new boolean[29];
        Arrays.fill(won, true);
        assertThat(SequentialLooks.decide(won, new boolean[29], 512).verdict()).isEqualTo(Verdict.INSUFFICIENT);
        boolean[] more = new boolean[30];
        Arrays.fill(more, true);
        assertThat(SequentialLooks.decide(more, new boolean[30], 512).verdict()).isEqualTo(Verdict.CONFIRMED);
    }

    @Test
    void theOrderOfProbesWithinALookDoesNotMatter() {
        boolean[] before = new boolean[64];
        boolean[] after = new boolean[64];
        for (int i = 0; i < 10; i++) before[i] = true;
        boolean[] shuffledBefore = new boolean[64];
        for (int i = 0; i < 10; i++) shuffledBefore[63 - 5 * i] = true;
        assertThat(SequentialLooks.decide(shuffledBefore, after, 512))
                .isEqualTo(SequentialLooks.decide(before, after, 512));
    }

    @Test
    void anUncertainVerdictSaysHowManyProbesWouldSettleIt() {
        Result result = SequentialLooks.look(10, 8, 512, true).orElseThrow();
        assertThat(result.verdict()).isEqualTo(Verdict.NONE);
        Result open = SequentialLooks.look(20, 15, 512, true).orElseThrow();
        assertThat(open.verdict()).isEqualTo(Verdict.UNCERTAIN);
        double gap = .03 - 5.0 / 512;
        assertThat(open.probesNeeded()).isEqualTo((int) Math.ceil(1.96 * 1.96 * 35 / 512 / (gap * gap)));
        assertThat(SequentialLooks.look(40, 20, 512, true).orElseThrow().probesNeeded()).isNull();
        assertThat(SequentialLooks.look(20, 15, 256, false)).isEmpty();
    }

    @Test
    void holmKeepsAConfirmedDropOnlyIfItSurvivesTheOthers() {
        Result[] many = new Result[34];
        Arrays.fill(many, SequentialLooks.look(0, 0, 512, true).orElseThrow());
        many[0] = SequentialLooks.look(30, 12, 512, true).orElseThrow(); // p = 0.004, confirmed alone
        many[1] = SequentialLooks.look(80, 5, 512, true).orElseThrow();
        assertThat(many[0].verdict()).isEqualTo(Verdict.CONFIRMED);
        Result[] corrected = SequentialLooks.corrected(many);
        assertThat(corrected[0].verdict()).isEqualTo(Verdict.UNCERTAIN);
        assertThat(corrected[1].verdict()).isEqualTo(Verdict.CONFIRMED);
        assertThat(corrected[2]).isEqualTo(many[2]);
        assertThat(SequentialLooks.corrected(new Result[] {many[0]})[0].verdict()).isEqualTo(Verdict.CONFIRMED);
    }

    @Test
    void differentProbesBeforeAndAfterAreRefused() {
        assertThatThrownBy(() -> SequentialLooks.decide(new boolean[3], new boolean[4], 512))
                .isInstanceOf(FaultException.class);
        assertThatThrownBy(() -> SequentialLooks.decide(new boolean[0], new boolean[0], 512))
                .isInstanceOf(FaultException.class);
    }
}
