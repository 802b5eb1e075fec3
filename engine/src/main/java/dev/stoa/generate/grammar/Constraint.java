// SPDX-License-Identifier: Apache-2.0
package dev.stoa.generate.grammar;

import dev.stoa.EngineFault;
import dev.stoa.Fault;
import java.nio.charset.StandardCharsets;
import java.util.BitSet;
import java.util.List;

/// A form that an answer must have, from the beginning or, where `after` is not null, once that text has come (the end of
/// reasoning). Several answers may share one: a grammar is run by one thread, and each answer has its own cursor.
public record Constraint(Grammar grammar, String after) {
    /// What one answer has written so far. Used by one thread.
    public static final class Cursor {
        private final Vocabulary vocabulary;
        private final List<Integer> eosIds;
        private final Grammar grammar;
        private final String after;
        private final StringBuilder tail = new StringBuilder();
        private Grammar.State state;

        public Cursor(Constraint constraint, Vocabulary vocabulary, List<Integer> eosIds) {
            this.vocabulary = vocabulary;
            this.eosIds = eosIds;
            this.grammar = constraint.grammar;
            this.after = constraint.after;
            if (after == null) state = grammar.start();
        }

        /// Makes what may not come impossible: logits (vocab), in place. Before the form begins only the end may not come.
        public void mask(double[] logits) {
            if (state == null) {
                for (int id : eosIds) logits[id] = Double.NEGATIVE_INFINITY;
                return;
            }
            BitSet allowed = vocabulary.mask(state);
            for (int id = allowed.nextClearBit(0); id < logits.length; id = allowed.nextClearBit(id + 1)) {
                boolean end = state.accepting() && eosIds.contains(id);
                if (!end) logits[id] = Double.NEGATIVE_INFINITY;
            }
            for (double logit : logits) if (logit > Double.NEGATIVE_INFINITY) return;
            throw Fault.of(EngineFault.GRAMMAR_DEAD_END, "no token of the vocabulary can go on with the form that was asked for")
                    .where("after " + tail).next("report this with the request").exception();
        }

        /// Takes a token that was not the end.
        public void accept(int id) {
            tail.append(new String(vocabulary.bytes(id), StandardCharsets.ISO_8859_1));
            if (tail.length() > 200) tail.delete(0, tail.length() - 100);
            if (state != null) state = vocabulary.after(state, id);
            else if (tail.indexOf(new String(after.getBytes(StandardCharsets.UTF_8), StandardCharsets.ISO_8859_1)) >= 0) state = grammar.start();
        }

        /// Whether the form is complete and nothing can follow.
        public boolean complete() {
            return state != null && state.ended() && state.accepting();
        }
    }
}
