// SPDX-License-Identifier: Apache-2.0
package dev.stoa.memory;

import dev.stoa.eval.world.DialogueGen;
import dev.stoa.eval.world.Predicates;
import dev.stoa.eval.world.World;
import dev.stoa.eval.world.WorldSize;
import java.util.ArrayList;
import java.util.List;

/// The demo world's dialogues, and the rules memory is given to read them with.
final class Dialogues {
    static final DialogueGen GEN = DialogueGen.of(World.of(42, WorldSize.CI));

    private Dialogues() {}

    /// The predicates with their aliases, and the sentences that state or withdraw.
    static PredicateTable rules() {
        Predicates world = Predicates.standard();
        List<String> statements = new ArrayList<>(world.statements());
        statements.addAll(world.update());
        return new PredicateTable(
                world.predicates().stream().map(p -> new PredicateTable.Predicate(p.name(), p.aliases(), p.functional())).toList(),
                statements, world.retract());
    }

    /// The turn whose text answers the question, -1 when nothing does.
    static int gold(DialogueGen.Question question) {
        return question.support().isEmpty() ? -1 : question.support().getLast();
    }
}
