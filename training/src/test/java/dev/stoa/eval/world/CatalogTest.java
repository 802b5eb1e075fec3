// SPDX-License-Identifier: Apache-2.0
package dev.stoa.eval.world;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.stoa.eval.verify.Family;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

class CatalogTest {
    private final Catalog catalog = Catalog.standard();

    @Test
    void hasThirtyFiveDomainsInThreeTiersAndThirtyOneLabels() {
        assertThat(catalog.domains()).hasSize(35);
        assertThat(catalog.labels()).hasSize(31).contains("electronics-hw", "kicad", "spice")
                .doesNotContain("spice-sim");
        assertThat(catalog.intents()).hasSize(7);
        Map<String, Long> tiers = catalog.domains().stream()
                .collect(Collectors.groupingBy(Domain::tier, Collectors.counting()));
        assertThat(tiers).isEqualTo(Map.of("foundation", 2L, "coding", 8L, "niche", 25L));
        assertThat(catalog.domains().stream().map(Domain::intent).distinct()).hasSize(7);
    }

    @Test
    void everyFamilyButTheWordHasADomainAndEveryKindSixVariants() {
        List<Family> used = catalog.domains().stream().map(Domain::family).distinct().toList();
        assertThat(used).containsAll(Arrays.stream(Family.values()).filter(family -> family != Family.WORD).toList());
        Phrases phrases = Phrases.standard();
        assertThat(phrases.openers()).hasSize(6);
        assertThat(phrases.tails()).hasSize(4);
        assertThat(phrases.general()).hasSize(6);
        for (Domain domain : catalog.domains()) {
            for (Kind kind : List.of(Kind.ASK, Kind.BUILD, Kind.VERIFY)) {
                List<String> variants = IntStream.range(0, 6).mapToObj(i -> phrases.request(domain, kind, i)).toList();
                assertThat(variants).doesNotHaveDuplicates();
                for (String variant : variants) {
                    assertThat(variant).contains("{k}").doesNotContain("[");
                    for (String slot : List.of("i", "a", "b")) {
                        boolean named = variant.contains("{" + slot + "}");
                        assertThat(named).isEqualTo(kind == Kind.BUILD && domain.answer().has(slot));
                    }
                }
            }
        }
    }

    @Test
    void patternsFillAndRead() {
        AnswerPattern pattern = new AnswerPattern("<{v} id=\"{i}\">{a}</{v}>");
        Map<String, String> slots = Map.of("v", "luvo", "i", "r4", "a", "12");
        assertThat(pattern.fill(slots)).isEqualTo("<luvo id=\"r4\">12</luvo>");
        assertThat(pattern.read("<luvo id=\"r4\">12</luvo>")).contains(slots);
        assertThat(pattern.read("<luvo id=\"r4\">12</neha>")).isEmpty();
        assertThat(pattern.read("<luvo id=\"r44\">12</luvo>")).isEmpty();
    }

    @Test
    void unknownDomainsAreABugOfTheCaller() {
        assertThatThrownBy(() -> catalog.domain("cobol")).isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("cobol");
    }
}
