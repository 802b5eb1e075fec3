// SPDX-License-Identifier: Apache-2.0
package dev.stoa.eval.world;

import static org.assertj.core.api.Assertions.assertThat;

import dev.stoa.eval.SplitMix64;
import java.util.Arrays;
import java.util.HashSet;
import java.util.Set;
import org.junit.jupiter.api.Test;

class LooseTest {
    private static final Domain CALL = Catalog.standard().domain("spice-sim");
    private static final Domain SENTENCE = Catalog.standard().domain("chat-fr");

    @Test
    void keepsEverySlotOnceAndTheNumbersInOrder() {
        Set<String> orders = new HashSet<>();
        for (int i = 0; i < 200; i++) {
            String loose = Loose.phrase(SplitMix64.of(i, "loose"), "run {k} on {i} with {a} {b}", CALL);
            String slots = String.join(" ", Arrays.stream(loose.split(" ")).filter(word -> word.startsWith("{")).toList());
            assertThat(slots.split(" ")).containsExactlyInAnyOrder("{k}", "{i}", "{a}", "{b}");
            assertThat(loose.indexOf("{a}")).isLessThan(loose.indexOf("{b}"));
            assertThat(loose.split(" ").length).isBetween(5, 9);
            orders.add(slots);
        }
        assertThat(orders).hasSize(12);
    }

    @Test
    void keepsNoWordOfThePhrase() {
        for (int i = 0; i < 100; i++) {
            assertThat(Loose.phrase(SplitMix64.of(i, "loose"), "what is {k} called", CALL)).doesNotContain("what", "called").contains("{k}");
        }
    }

    @Test
    void leavesAPhraseAloneWhoseSlotsDoNotTellWhatIsAsked() {
        assertThat(Loose.phrase(SplitMix64.of(1, "loose"), "say {k} kindly", SENTENCE)).isEqualTo("say {k} kindly");
    }

    @Test
    void wordsHaveNeitherTheShapeOfAKeyNorOfAValue() {
        for (int i = 0; i < 500; i++) {
            for (String word : Loose.phrase(SplitMix64.of(i, "loose"), "translate {k}", CALL).split(" ")) {
                assertThat(word).doesNotMatch("[bdfgkmprtz][aeio][bdfgkmprtz][aeio][kpx]").doesNotMatch("[lnsvhj][aeiou][lnsvhj][aeiou]");
            }
        }
    }
}
