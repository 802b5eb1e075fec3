// SPDX-License-Identifier: Apache-2.0
package dev.stoa.memory;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import org.junit.jupiter.api.Test;

class PredicateTableTest {
    private final PredicateTable rules = Dialogues.rules();

    private List<String> read(String text) {
        return rules.read(text).stream().map(one -> one.subject() + "|" + one.predicate().name() + "|" + one.object()).toList();
    }

    @Test
    void readsStatementsUpdatesAndWithdrawals() {
        assertThat(read("tomok board is luvo")).containsExactly("tomok|board|luvo");
        assertThat(read("The circuit of Tomok changed to  nala.")).containsExactly("Tomok|board|nala");
        assertThat(read("Good morning! for tomok the color is dark red; note lupan has port seven"))
                .containsExactly("tomok|color|dark red", "lupan|port|seven");
        assertThat(read("please drop the tomok color")).containsExactly("tomok|color|null");
    }

    @Test
    void readsNothingElse() {
        assertThat(read("what is the board of tomok?")).isEmpty();
        assertThat(read("the board meeting was long")).isEmpty();
        assertThat(read("is the board of tomok is luvo?")).isEmpty();
        assertThat(PredicateTable.EMPTY.read("tomok board is luvo")).isEmpty();
        assertThat(read("x".repeat(100_000) + " board is " + "y ".repeat(10_000))).isEmpty();
    }

    @Test
    void namesPredicatesByAlias() {
        assertThat(rules.named(List.of("about", "tomok", "circuit")).stream().map(PredicateTable.Predicate::name)).containsExactly("board");
        assertThat(rules.named(List.of("nothing"))).isEmpty();
    }
}
