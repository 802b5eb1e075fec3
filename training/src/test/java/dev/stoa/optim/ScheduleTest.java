// SPDX-License-Identifier: Apache-2.0
package dev.stoa.optim;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import org.junit.jupiter.api.Test;

/// The closed form at its corners, and landing early.
class ScheduleTest {
    @Test
    void cosineHasItsClosedFormAtStartWarmUpMiddleAndEnd() {
        Schedule schedule = Schedule.cosine(60, 660, 0.1);
        assertThat(schedule.factor(0)).isEqualTo(1 / 60.0);
        assertThat(schedule.factor(59)).isEqualTo(1);
        assertThat(schedule.factor(60)).isEqualTo(1);
        assertThat(schedule.factor(360)).isCloseTo(0.55, within(1e-12));
        assertThat(schedule.factor(210)).isCloseTo(0.1 + 0.45 * (1 + Math.cos(Math.PI / 4)), within(1e-12));
        assertThat(schedule.factor(660)).isCloseTo(0.1, within(1e-12));
        assertThat(schedule.factor(9_999)).isCloseTo(0.1, within(1e-12));
    }

    @Test
    void linearAndConstantWarmUpToo() {
        Schedule linear = new Schedule(Schedule.Shape.LINEAR, 10, 110, 0.2);
        assertThat(linear.factor(4)).isEqualTo(0.5);
        assertThat(linear.factor(60)).isCloseTo(0.6, within(1e-12));
        assertThat(new Schedule(Schedule.Shape.CONSTANT, 10, 110, 0.2).factor(100)).isEqualTo(1);
    }

    @Test
    void landingDecaysFromWhereItIsAndNeverLengthens() {
        Schedule schedule = Schedule.cosine(10, 1000, 0.1).land(300, 75);
        double there = Schedule.cosine(10, 1000, 0.1).factor(300);
        assertThat(schedule.length()).isEqualTo(375);
        assertThat(schedule.factor(299)).isEqualTo(Schedule.cosine(10, 1000, 0.1).factor(299));
        assertThat(schedule.factor(300)).isCloseTo(there, within(1e-12));
        assertThat(schedule.factor(375)).isCloseTo(0.1, within(1e-12));
        assertThat(schedule.land(320, 500)).isEqualTo(schedule);
        assertThat(Schedule.cosine(10, 1000, 0.1).land(990, 75).length()).isEqualTo(1000);
    }

    @Test
    void refusesImpossibleLengths() {
        assertThatThrownBy(() -> Schedule.cosine(11, 10, 0.1)).hasMessageContaining("warmup 11, steps 10");
        assertThatThrownBy(() -> Schedule.cosine(0, 0, 0.1)).isInstanceOf(IllegalArgumentException.class);
        assertThatThrownBy(() -> Schedule.cosine(0, 10, 1.1)).isInstanceOf(IllegalArgumentException.class);
    }
}
