// SPDX-License-Identifier: Apache-2.0
package dev.stoa.route.fit;

import static org.assertj.core.api.Assertions.assertThat;

import dev.stoa.route.head.Phrases;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

class PhraseFitTest {
    @Test
    void joinsWhatHardlyOccursApart() {
        List<List<String>> rows = new ArrayList<>();
        for (int i = 0; i < 20; i++) {
            rows.add(List.of("the", "borrow", "checker", "w" + i));
            rows.add(List.of("step", "by", "step", "the", "board"));
            rows.add(List.of("the", "day", "the", "night"));
        }
        Phrases phrases = PhraseFit.fit(rows);
        assertThat(phrases.join(List.of("a", "borrow", "checker", "b"))).containsExactly("a", "borrow checker", "b");
        assertThat(phrases.join(List.of("step", "by", "step"))).containsExactly("step by step");
        assertThat(phrases.join(List.of("the", "board"))).as("'the' lives on its own").containsExactly("the", "board");
        assertThat(phrases.join(List.of("checker", "borrow"))).containsExactly("checker", "borrow");
        assertThat(phrases.join(List.of())).isEmpty();
        assertThat(PhraseFit.fit(List.of(List.of("rare", "pair"))).rounds()).isEmpty();
    }
}
