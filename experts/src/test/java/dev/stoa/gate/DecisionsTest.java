// SPDX-License-Identifier: Apache-2.0
package dev.stoa.gate;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import dev.stoa.FaultException;
import dev.stoa.eval.Intervals.Interval;
import dev.stoa.gate.SequentialLooks.Result;
import dev.stoa.gate.SequentialLooks.Verdict;
import dev.stoa.library.State;
import java.util.Arrays;
import java.util.EnumSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.junit.jupiter.api.Test;

/// Exit codes, the rule over angle and drop, uplift and publication.
class DecisionsTest {
    private static final String BASE = "b".repeat(64);

    @Test
    void ofSeveralOutcomesTheFirstInTheListedOrderIsReported() {
        List<Integer> order = List.of(65, 64, 3, 1, 2, 4, 5, 0);
        for (GateExit one : GateExit.values()) {
            assertThat(GateExit.first(EnumSet.of(one))).isEqualTo(one);
            assertThat(GateExit.ofCode(one.code())).isEqualTo(one);
            for (GateExit two : GateExit.values()) {
                int expected = order.indexOf(one.code()) < order.indexOf(two.code()) ? one.code() : two.code();
                assertThat(GateExit.first(List.of(one, two)).code()).isEqualTo(expected);
            }
        }
        assertThat(GateExit.first(Set.of())).isEqualTo(GateExit.PASS);
        assertThat(Arrays.stream(GateExit.values()).map(GateExit::state)).containsExactly(
                null, State.REJECTED, State.HELD, State.REJECTED, State.HELD, State.HELD, null, null);
    }

    private static ForgettingReport angles(double degrees) {
        return ForgettingReport.of(Map.of("self_attn.q_proj", degrees), List.of(0), List.of(), null, Set.of());
    }

    private static Result drop(Verdict verdict, double drop, int n) {
        return new Result(verdict, n, 0, 0, drop, drop - .1, drop + .1, .5, null);
    }

    private static GateExit decide(double degrees, Result drop) {
        return DropRule.decide(angles(degrees), drop, DropRule.Options.DEFAULT).exit();
    }

    @Test
    void forgettingNeedsBothThresholdsStrictlyPassed() {
        double next = 1e-9;
        for (double angle : new double[] {30 - next, 30, 30 + next}) {
            for (double fall : new double[] {.03 - next, .03, .03 + next}) {
                GateExit expected = angle < 30 && fall > .03 ? GateExit.FORGETTING : GateExit.PASS;
                assertThat(decide(angle, drop(Verdict.NONE, fall, 64))).as(angle + ", " + fall).isEqualTo(expected);
            }
        }
        assertThat(decide(10, drop(Verdict.INSUFFICIENT, .5, 29))).isEqualTo(GateExit.INSUFFICIENT);
        assertThat(decide(10, drop(Verdict.UNCERTAIN, .5, 30))).isEqualTo(GateExit.FORGETTING);
    }

    @Test
    void everyOtherCombinationFollowsTheRule() {
        assertThat(decide(80, drop(Verdict.CONFIRMED, .2, 64))).isEqualTo(GateExit.DROP);
        assertThat(decide(80, drop(Verdict.UNCERTAIN, .02, 512))).isEqualTo(GateExit.INSUFFICIENT);
        DropRule.Decision agree = DropRule.decide(angles(5), drop(Verdict.NONE, 0, 64), DropRule.Options.DEFAULT);
        assertThat(agree.exit()).isEqualTo(GateExit.PASS);
        assertThat(agree.warnings()).containsExactly("the angle is low, without a drop");
        assertThat(DropRule.decide(angles(5), drop(Verdict.NONE, 0, 64), new DropRule.Options(true, false, false))
                .exit())
                .isEqualTo(GateExit.FORGETTING);
        DropRule.Options warn = new DropRule.Options(false, false, true);
        assertThat(DropRule.decide(angles(80), drop(Verdict.INSUFFICIENT, 0, 8), warn).exit()).isEqualTo(GateExit.PASS);
        assertThat(DropRule.decide(angles(80), drop(Verdict.INSUFFICIENT, 0, 8), warn).warnings()).isNotEmpty();
        assertThat(DropRule.decide(angles(1), null, DropRule.Options.DEFAULT).exit()).isEqualTo(GateExit.INSUFFICIENT);
        assertThat(DropRule.decide(angles(1), null, new DropRule.Options(false, true, false)).exit())
                .isEqualTo(GateExit.PASS);
        assertThat(DropRule.decide(null, drop(Verdict.NONE, 0, 64), DropRule.Options.DEFAULT).exit())
                .isEqualTo(GateExit.PASS);
    }

    /// `wonMore` items only by the expert, `wonLess` only by the base, of n.
    static Uplift uplift(String domain, int wonMore, int wonLess, int n) {
        double[] base = new double[n];
        double[] expert = new double[n];
        for (int i = 0; i < wonMore; i++) expert[i] = 1;
        for (int i = wonMore; i < wonMore + wonLess; i++) base[i] = 1;
        return Uplift.measure(domain, base, expert);
    }

    @Test
    void anExpertIsOneThatGainsEnoughForSure() {
        Uplift clear = uplift("spice", 100, 2, 128);
        assertThat(clear.outcome()).isEqualTo(Uplift.Outcome.EXPERT);
        assertThat(clear.gain()).isEqualTo(98 / 128.0, within(1e-12));
        assertThat(clear.low()).isBetween(.65, .75);
        assertThat(clear.ciMethod()).isEqualTo("agresti_min_paired");
        assertThat(uplift("spice", 2, 100, 128).outcome()).isEqualTo(Uplift.Outcome.HARMFUL);
        assertThat(uplift("spice", 5, 4, 128).outcome()).isEqualTo(Uplift.Outcome.NO_MEASURED_GAIN);
        assertThat(uplift("spice", 100, 0, 127).outcome()).isEqualTo(Uplift.Outcome.HELD);
        // Large enough but not certain: +5 of 128 with 15 items flipped.
        assertThat(uplift("spice", 10, 5, 128).gain()).isGreaterThan(.03);
        assertThat(uplift("spice", 10, 5, 128).outcome()).isEqualTo(Uplift.Outcome.NO_MEASURED_GAIN);
        // Certain but too small to pay for an adapter: 29 points of a thousand; 30 are enough.
        assertThat(uplift("spice", 29, 0, 1000).low()).isPositive();
        assertThat(uplift("spice", 29, 0, 1000).outcome()).isEqualTo(Uplift.Outcome.NO_MEASURED_GAIN);
        assertThat(uplift("spice", 30, 0, 1000).outcome()).isEqualTo(Uplift.Outcome.EXPERT);
    }

    @Test
    void gradedScoresAreResampledInPairs() {
        double[] base = new double[200];
        double[] expert = new double[200];
        for (int i = 0; i < 200; i++) {
            base[i] = i % 10 / 10.0;
            expert[i] = Math.min(1, base[i] + .05 + (i % 3) * .01);
        }
        Uplift graded = Uplift.measure("persona", base, expert);
        assertThat(graded.ciMethod()).isEqualTo("bootstrap_paired");
        assertThat(graded.outcome()).isEqualTo(Uplift.Outcome.EXPERT);
        // The pairs differ by .05 to .07, so a paired interval is narrow; an unpaired one would be wider than .1.
        assertThat(graded.high() - graded.low()).isLessThan(.01);
        assertThatThrownBy(() -> Uplift.measure("x", new double[] {0}, new double[] {1.5}))
                .isInstanceOf(FaultException.class);
        assertThatThrownBy(() -> Uplift.measure("x", new double[] {Double.NaN}, new double[] {1}))
                .isInstanceOf(FaultException.class);
        assertThatThrownBy(() -> Uplift.measure("x", new double[1], new double[2])).isInstanceOf(FaultException.class);
    }

    private static PublicationGate.Decision publish(List<PublicationGate.Finding> findings, Uplift uplift,
            List<PublicationGate.OffDomain> others, boolean allowNoGain) {
        return PublicationGate.decide(new PublicationGate.Request("spice", BASE, BASE, Set.of("health"), findings,
                uplift, others, allowNoGain));
    }

    private static final List<PublicationGate.Finding> HEALTHY = List.of(new PublicationGate.Finding("health",
            GateExit.PASS, BASE));

    @Test
    void aGainPublishesAndTheRestIsServedByTheBase() {
        Uplift clear = uplift("spice", 100, 2, 128);
        PublicationGate.Decision decision = publish(HEALTHY, clear, List.of(), false);
        assertThat(decision).isEqualTo(new PublicationGate.Decision(GateExit.PASS, State.PUBLISHED, List.of(),
                List.of()));
        PublicationGate.Decision none = publish(HEALTHY, uplift("spice", 5, 4, 128), List.of(), false);
        assertThat(none.state()).isEqualTo(State.BASE_ONLY);
        assertThat(none.exit()).isEqualTo(GateExit.REFUSED);
        assertThat(none.reasons()).containsExactly("no_measured_gain");
        PublicationGate.Decision allowed = publish(HEALTHY, uplift("spice", 5, 4, 128), List.of(), true);
        assertThat(allowed.state()).isEqualTo(State.PUBLISHED);
        assertThat(allowed.warnings()).isNotEmpty();
        PublicationGate.Decision harmful = publish(HEALTHY, uplift("spice", 2, 100, 128), List.of(), true);
        assertThat(harmful.reasons()).containsExactly("harmful"); // cannot be overridden
        assertThat(harmful.state()).isEqualTo(State.BASE_ONLY);
        PublicationGate.Decision few = publish(HEALTHY, uplift("spice", 100, 2, 127), List.of(), true);
        assertThat(few.state()).isEqualTo(State.HELD);
        assertThat(few.exit()).isEqualTo(GateExit.INSUFFICIENT);
    }

    @Test
    void everyFailingConditionIsListedAtOnce() {
        Uplift clear = uplift("spice", 100, 2, 128);
        PublicationGate.Decision decision = PublicationGate.decide(new PublicationGate.Request("spice", "a".repeat(64),
                BASE,
                Set.of("health", "promotion"), List.of(new PublicationGate.Finding("health", GateExit.HEALTH, BASE),
                        new PublicationGate.Finding("gate", GateExit.DROP, BASE),
                        new PublicationGate.Finding("guard", GateExit.PASS, "c".repeat(64))), clear,
                List.of(new PublicationGate.OffDomain("math", -.2, null, false)), false));
        assertThat(decision.reasons()).hasSize(6)
                .anySatisfy(reason -> assertThat(reason).contains("promotion is missing"))
                .anySatisfy(reason -> assertThat(reason).contains("guard was measured on another base"));
        assertThat(decision.exit()).isEqualTo(GateExit.HEALTH);
        assertThat(decision.state()).isEqualTo(State.REJECTED);
    }

    @Test
    void anExpertThatBreaksOtherDomainsIsRefused() {
        Uplift clear = uplift("spice", 100, 2, 128);
        Interval wide = new Interval(-.02, -.04, 0, 256);
        assertThat(publish(HEALTHY, clear, List.of(new PublicationGate.OffDomain("math", -.15, wide, false)), false)
                .exit())
                .isEqualTo(GateExit.PASS);
        assertThat(publish(HEALTHY, clear, List.of(new PublicationGate.OffDomain("math", -.1501, null, false)), false)
                .exit())
                .isEqualTo(GateExit.REFUSED);
        assertThat(publish(HEALTHY, clear, List.of(new PublicationGate.OffDomain("math", 0, wide, true)), false).exit())
                .isEqualTo(GateExit.REFUSED);
        PublicationGate.Decision point = publish(HEALTHY, clear,
                List.of(new PublicationGate.OffDomain("math", 0, new Interval(-.031, -.05, 0, 256), false)), false);
        assertThat(point.state()).isEqualTo(State.HELD);
        assertThat(point.reasons()).singleElement().asString().contains("math");
    }
}
