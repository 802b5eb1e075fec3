// SPDX-License-Identifier: Apache-2.0
package dev.stoa.memory;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Instant;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.SplittableRandom;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;

class FactBaseTest {
    private static final Owner ALL = new Owner(null, null);
    private int ids;

    private void tell(FactBase base, Origin origin, String object, long from, long now, String... sources) {
        base.plan(ALL, origin, "Tomok", "board", object, true, at(from), at(now), List.of(sources), () -> "f" + ids++).forEach(base::put);
    }

    private static Instant at(long seconds) {
        return Instant.ofEpochSecond(seconds);
    }

    private static List<String> values(FactBase base, long asOf, long knownAt) {
        return base.query("tomok", "board", at(asOf), at(knownAt)).stream().map(Fact::object).toList();
    }

    /// Changes, corrections, late arrivals and withdrawals in random order against a timeline kept per moment of knowledge.
    @Test
    void bothTimeAxesEqualATimelineOracle() {
        SplittableRandom random = new SplittableRandom(6);
        for (int history = 0; history < 1_000; history++) {
            FactBase base = new FactBase();
            List<TreeMap<Long, String>> known = new ArrayList<>(); // known.get(t): what was believed after step t
            TreeMap<Long, String> now = new TreeMap<>();
            int steps = 1 + random.nextInt(12);
            for (int step = 0; step < steps; step++) {
                long from = random.nextInt(10);
                var held = now.floorEntry(from);
                if (random.nextInt(5) == 0) {
                    tell(base, Origin.USER, null, from, step);
                    if (held != null && held.getValue() != null) now.put(from, null);
                } else {
                    String object = "v" + random.nextInt(4);
                    tell(base, Origin.USER, object, from, step);
                    if (held == null || !object.equals(held.getValue())) now.put(from, object);
                }
                known.add(new TreeMap<>(now));
            }
            for (int knownAt = 0; knownAt < steps; knownAt++) {
                for (long asOf = 0; asOf < 11; asOf++) {
                    var entry = known.get(knownAt).floorEntry(asOf);
                    List<String> expected = entry == null || entry.getValue() == null ? List.of() : List.of(entry.getValue());
                    assertThat(values(base, asOf, knownAt)).as("history %d, as of %d known at %d", history, asOf, knownAt).isEqualTo(expected);
                }
            }
        }
    }

    @Test
    void whatWasTrueLastYearStillAnswers() {
        FactBase base = new FactBase();
        tell(base, Origin.USER, "old", 10, 10);
        tell(base, Origin.USER, "new", 20, 21);
        assertThat(values(base, 15, 30)).containsExactly("old");
        assertThat(values(base, 25, 30)).containsExactly("new");
        assertThat(values(base, 25, 20)).as("before we were told").containsExactly("old");
        assertThat(values(base, 20, 30)).as("half-open intervals").containsExactly("new");
        assertThat(values(base, 5, 30)).isEmpty();
    }

    @Test
    void lessTrustedContradictionsNeverReplace() {
        FactBase base = new FactBase();
        tell(base, Origin.USER, "true", 1, 1);
        for (int i = 0; i < 1_000; i++) tell(base, Origin.TOOL, "poison" + i % 7, 2 + i, 2 + i);
        assertThat(values(base, 5_000, 5_000)).containsExactly("true");
        tell(base, Origin.USER, "changed", 6_000, 6_000);
        assertThat(values(base, 7_000, 7_000)).containsExactly("changed");
    }

    @Test
    void repeatingAddsSupportAndForgettingTheLastSourceRemoves() {
        FactBase base = new FactBase();
        tell(base, Origin.USER, "luvo", 1, 1, "e1");
        tell(base, Origin.USER, "luvo", 2, 2, "e2");
        assertThat(base.all()).hasSize(1);
        assertThat(base.all().iterator().next().sources()).containsExactly("e1", "e2");
        assertThat(base.forget(Set.of("e1"))).isEmpty();
        assertThat(values(base, 9, 9)).containsExactly("luvo");
        assertThat(base.forget(Set.of("e2"))).hasSize(1);
        assertThat(base.all()).isEmpty();
        assertThat(base.namedIn(List.of("tomok"))).isEmpty();
    }

    @Test
    void otherPredicatesPeopleAndSubjectsAreLeftAlone() {
        FactBase base = new FactBase();
        Owner ann = new Owner("ann", null);
        base.plan(ann, Origin.USER, "tomok", "board", "a", true, at(1), at(1), List.of(), () -> "x" + ids++).forEach(base::put);
        base.plan(new Owner("bob", null), Origin.USER, "tomok", "board", "b", true, at(2), at(2), List.of(), () -> "x" + ids++).forEach(base::put);
        base.plan(ann, Origin.USER, "tomok", "color", "c", true, at(3), at(3), List.of(), () -> "x" + ids++).forEach(base::put);
        base.plan(ann, Origin.USER, "r2-d2", "likes", "x", false, at(3), at(3), List.of(), () -> "x" + ids++).forEach(base::put);
        base.plan(ann, Origin.USER, "R2-D2", "likes", "y", false, at(4), at(4), List.of(), () -> "x" + ids++).forEach(base::put);
        assertThat(new HashSet<>(values(base, 9, 9))).containsExactlyInAnyOrder("a", "b");
        assertThat(base.query("r2 d2", "likes", at(9), at(9))).as("not functional: both hold").hasSize(2);
        assertThat(base.namedIn(TextIndex.words("does r2-d2 like it"))).containsExactly("r2 d2");
        assertThat(base.query(null, null, at(9), at(9))).hasSize(5);
    }
}
