// SPDX-License-Identifier: Apache-2.0
package dev.stoa.generate;

import static org.assertj.core.api.Assertions.assertThat;

import dev.stoa.adapter.AdapterSet;
import dev.stoa.generate.Scheduler.Slice;
import dev.stoa.generate.Sequence.Demand;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;

/// Traces of the scheduler with a clock and a model that exist only in this test.
class SchedulerTest {
    private static final long SECOND = 1_000_000_000L;

    private static Sequence sequence(String id, int prompt, int members, int priority, long arrival, long deadline) {
        Demand demand = new Demand(Collections.nCopies(members, AdapterSet.BASE), prompt - 1, 2, prompt + 100);
        return new Sequence(id, new int[prompt], demand, null, new Context("", deadline), priority, arrival, List.of(), () -> {});
    }

    private static Sequence sequence(String id, int prompt) {
        return sequence(id, prompt, 1, 5, 0, Long.MAX_VALUE);
    }

    private static boolean admit(Sequence sequence) {
        sequence.admit(List.of());
        return true;
    }

    /// What a model would do: compute the rows, then one new token for everyone whose prompt is done.
    private static String compute(Scheduler scheduler, List<Slice> plan, double ms) {
        List<String> trace = new ArrayList<>();
        for (Slice slice : plan) {
            trace.add(slice.sequence().id + ":" + slice.count());
            slice.sequence().advance(slice.count());
            if (slice.sequence().remaining() == 0) slice.sequence().append(7);
        }
        scheduler.measured(plan, ms);
        return String.join(" ", trace);
    }

    private static String step(Scheduler scheduler, double ms) {
        return compute(scheduler, scheduler.plan(), ms);
    }

    @Test
    void decodesFirstThenPrefillsWithinTheTimeOfAStep() {
        Scheduler scheduler = new Scheduler(8, 256, 64, 50);
        scheduler.enqueue(sequence("a", 40));
        scheduler.admit(0, SchedulerTest::admit);
        assertThat(step(scheduler, 40)).as("alone: the whole prompt").isEqualTo("a:40");
        assertThat(step(scheduler, 10)).isEqualTo("a:1");
        scheduler.enqueue(sequence("b", 200));
        scheduler.admit(0, SchedulerTest::admit);
        // A row of prefill costs 1 ms, decoding 10: (50 - 10) / 1 rows.
        assertThat(step(scheduler, 50)).isEqualTo("a:1 b:40");
        assertThat(step(scheduler, 50)).isEqualTo("a:1 b:40");
        // Prefill turns slow: the chunk shrinks, but never below 16.
        for (int i = 0; i < 5; i++) assertThat(step(scheduler, 1_000)).startsWith("a:1 b:");
        assertThat(step(scheduler, 1_000)).isEqualTo("a:1 b:16");
    }

    @Test
    void prefillNeverExceedsTheBatchNorTheLogitRows() {
        Scheduler scheduler = new Scheduler(8, 32, 4, 1e9);
        scheduler.enqueue(sequence("a", 100));
        Demand everyRow = new Demand(List.of(AdapterSet.BASE), 0, 2, 30);
        scheduler.enqueue(new Sequence("score", new int[30], everyRow, null, Context.NONE, 5, 1, List.of(), () -> {}));
        scheduler.admit(0, SchedulerTest::admit);
        assertThat(step(scheduler, 1)).isEqualTo("a:32");
        assertThat(step(scheduler, 1)).isEqualTo("a:32");
        assertThat(step(scheduler, 1)).isEqualTo("a:32");
        assertThat(step(scheduler, 1)).as("a takes one logit row, three are left").isEqualTo("a:4 score:3");
        assertThat(step(scheduler, 1)).isEqualTo("a:1 score:3");
        assertThat(step(scheduler, 1)).isEqualTo("a:1 score:3");
    }

    @Test
    void groupsAdvanceInLockstepAndCountAllTheirRows() {
        Scheduler scheduler = new Scheduler(8, 32, 16, 1e9);
        scheduler.enqueue(sequence("group", 20, 5, 5, 0, Long.MAX_VALUE));
        scheduler.enqueue(sequence("plain", 9));
        scheduler.admit(0, SchedulerTest::admit);
        List<Slice> plan = scheduler.plan();
        assertThat(plan.getFirst().rows()).isEqualTo(30);
        assertThat(compute(scheduler, plan, 1)).isEqualTo("group:6 plain:2");
    }

    @Test
    void whoFindsNoRoomGoesFirstNextTime() {
        Scheduler scheduler = new Scheduler(8, 16, 3, 1e9);
        for (String id : List.of("a", "b", "c", "d", "e")) scheduler.enqueue(sequence(id, 1));
        scheduler.admit(0, SchedulerTest::admit);
        assertThat(step(scheduler, 1)).isEqualTo("a:1 b:1 c:1");
        assertThat(step(scheduler, 1)).as("decoding fills the batch").isEqualTo("a:1 b:1 c:1");
        assertThat(step(scheduler, 1)).isEqualTo("d:1 e:1 a:1");
        assertThat(step(scheduler, 1)).isEqualTo("b:1 c:1 d:1");
    }

    @Test
    void urgencyIsPriorityAgeAndThenArrival() {
        Scheduler scheduler = new Scheduler(1, 32, 8, 50);
        scheduler.enqueue(sequence("early", 4, 1, 5, 0, Long.MAX_VALUE));
        scheduler.enqueue(sequence("late", 4, 1, 5, 1, Long.MAX_VALUE));
        scheduler.enqueue(sequence("urgent", 4, 1, 6, 2, Long.MAX_VALUE));
        scheduler.enqueue(sequence("fresh", 4, 1, 8, 20 * SECOND, Long.MAX_VALUE));
        List<String> order = new ArrayList<>();
        for (long now : new long[] {0, 0, 21 * SECOND, 21 * SECOND}) {
            List<Sequence> admitted = scheduler.admit(now, SchedulerTest::admit);
            order.add(admitted.getFirst().id);
            scheduler.remove(admitted.getFirst());
        }
        // At 21 s "late" has aged from 5 to 9 and passes a fresh 8.
        assertThat(order).containsExactly("urgent", "early", "late", "fresh");
    }

    @Test
    void slotsAndMemoryLimitWhoRunsAndNobodyOvertakesTheFirst() {
        Scheduler scheduler = new Scheduler(2, 32, 8, 50);
        for (int i = 0; i < 4; i++) scheduler.enqueue(sequence("s" + i, 4, 1, 5, i, Long.MAX_VALUE));
        assertThat(scheduler.admit(0, SchedulerTest::admit)).extracting(s -> s.id).containsExactly("s0", "s1");
        assertThat(scheduler.admit(0, SchedulerTest::admit)).isEmpty();
        scheduler.remove(scheduler.all().getFirst());
        assertThat(scheduler.admit(0, s -> !s.id.equals("s2") && admit(s))).as("s3 would fit, but s2 is first").isEmpty();
        assertThat(scheduler.admit(0, SchedulerTest::admit)).extracting(s -> s.id).containsExactly("s2");
        assertThat(scheduler.waiting()).isEqualTo(1);
    }

    @Test
    void deadlinesExpireWhetherWaitingOrRunning() {
        Scheduler scheduler = new Scheduler(1, 32, 8, 50);
        Sequence running = sequence("running", 4, 1, 5, 0, 10);
        Sequence waiting = sequence("waiting", 4, 1, 5, 1, 20);
        scheduler.enqueue(running);
        scheduler.enqueue(waiting);
        scheduler.enqueue(sequence("patient", 4));
        scheduler.admit(0, s -> s == running && admit(s));
        assertThat(scheduler.expired(9)).isEmpty();
        assertThat(scheduler.expired(10)).containsExactly(running);
        assertThat(scheduler.expired(30)).containsExactlyInAnyOrder(running, waiting);
    }

    /// 10,000 random arrivals, steps, ends and cancels: no batch is overfull and everyone is served or gone.
    @Test
    void randomTrafficKeepsEveryLimit() {
        SplittableRandom random = new SplittableRandom(4);
        Scheduler scheduler = new Scheduler(6, 24, 10, 20);
        for (int operation = 0; operation < 10_000; operation++) {
            if (random.nextInt(3) == 0) {
                scheduler.enqueue(sequence("r" + operation, 1 + random.nextInt(60), 1 + random.nextInt(5), random.nextInt(10), operation, Long.MAX_VALUE));
            }
            if (random.nextInt(8) == 0 && !scheduler.idle()) scheduler.remove(scheduler.all().get(random.nextInt(scheduler.all().size())));
            scheduler.admit(operation, SchedulerTest::admit);
            List<Slice> plan = scheduler.plan();
            assertThat(plan.stream().mapToInt(Slice::rows).sum()).isLessThanOrEqualTo(24);
            assertThat(plan.stream().mapToInt(Slice::logitRows).sum()).isLessThanOrEqualTo(10);
            if (scheduler.running() > 0) assertThat(plan).as("someone always advances").isNotEmpty();
            compute(scheduler, plan, random.nextDouble() * 30);
            for (Slice slice : plan) if (slice.sequence().state() == Sequence.State.DECODE && random.nextInt(6) == 0) scheduler.remove(slice.sequence());
        }
        while (!scheduler.idle()) {
            scheduler.admit(0, SchedulerTest::admit);
            for (Slice slice : scheduler.plan()) {
                slice.sequence().advance(slice.count());
                if (slice.sequence().remaining() == 0) scheduler.remove(slice.sequence());
            }
        }
    }
}
