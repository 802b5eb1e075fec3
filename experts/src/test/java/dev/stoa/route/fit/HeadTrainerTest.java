// SPDX-License-Identifier: Apache-2.0
package dev.stoa.route.fit;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.stoa.route.head.Head;
import dev.stoa.route.head.RouteInput;
import java.util.List;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;

class HeadTrainerTest {
    /// Every loss, linear and with a hidden layer, against central differences.
    @Test
    void gradientsMatchDifferences() {
        SplittableRandom random = new SplittableRandom(1);
        for (HeadTrainer.Loss loss : HeadTrainer.Loss.values()) {
            for (int hidden : new int[] {0, 6}) {
                HeadTrainer.Settings settings = new HeadTrainer.Settings(loss, hidden, 1, 1, 0, 0, 0.02, 9);
                HeadTrainer trainer = new HeadTrainer(settings, 5, 4);
                int parameters = hidden == 0 ? 5 * 4 + 4 : 5 * 6 + 6 + 6 * 4 + 4;
                for (int i = 0; i < parameters; i++) trainer.parameter(i, (float) (0.5 * random.nextGaussian()));
                float[] x = new float[5];
                for (int d = 0; d < 5; d++) x[d] = (float) random.nextGaussian();
                boolean[] target = {false, true, true, false};
                trainer.accumulate(x, target, 1);
                double[] analytic = new double[parameters];
                for (int i = 0; i < parameters; i++) analytic[i] = trainer.gradient(i);
                for (int i = 0; i < parameters; i++) {
                    float at = trainer.parameter(i, null);
                    float step = 1e-2f;
                    trainer.parameter(i, at + step);
                    double up = trainer.accumulate(x, target, 1);
                    trainer.parameter(i, at - step);
                    double down = trainer.accumulate(x, target, 1);
                    trainer.parameter(i, at);
                    assertThat(analytic[i]).as("%s hidden %d parameter %d", loss, hidden, i)
                            .isCloseTo((up - down) / (2 * step), within(2e-3));
                }
            }
        }
    }

    @Test
    void learnsASeparableProblemAndTheSameBytesTwice() {
        SplittableRandom random = new SplittableRandom(2);
        float[][] x = new float[600][8];
        boolean[][] y = new boolean[600][3];
        for (int i = 0; i < x.length; i++) {
            int label = random.nextInt(3);
            for (int d = 0; d < 8; d++) x[i][d] = (float) (0.3 * random.nextGaussian() + (d == label ? 1 : 0));
            y[i][label] = true;
        }
        for (HeadTrainer.Loss loss : HeadTrainer.Loss.values()) {
            for (int hidden : new int[] {0, 16}) {
                HeadTrainer.Settings settings = new HeadTrainer.Settings(loss, hidden, 20, 32, 1e-2, 1e-4, 0.02, 3);
                Head head = HeadTrainer.fit(settings, x, y);
                Head again = HeadTrainer.fit(settings, x, y);
                int right = 0;
                for (int i = 0; i < x.length; i++) {
                    double[] odds = head.logOdds(new RouteInput(List.of(x[i]), List.of()));
                    assertThat(again.logOdds(new RouteInput(List.of(x[i]), List.of()))).containsExactly(odds);
                    int best = odds[0] > odds[1] ? odds[0] > odds[2] ? 0 : 2 : odds[1] > odds[2] ? 1 : 2;
                    if (y[i][best]) right++;
                }
                assertThat(right).as("%s hidden %d", loss, hidden).isGreaterThan(570);
            }
        }
    }
}
