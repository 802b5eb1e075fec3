// SPDX-License-Identifier: Apache-2.0
package dev.stoa.generate.grammar;

import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/// A context-free language of bytes and special tokens, run as a pushdown automaton: a state is the set of stacks that the
/// text so far allows. States are made when they are met and remembered with the step each byte takes, so that walking a
/// vocabulary costs table look-ups. Made by [GrammarBuilder]; used by one thread at a time.
public final class Grammar {
    private static final int MOST_STATES = 1 << 14;
    private static final int MOST_MASKS = 512;
    private static final int DEEPEST = 200;

    /// What may come at a place of a rule.
    sealed interface Node permits Bytes, Token, Call, Split, End {}

    /// One byte of a set, then `next`.
    record Bytes(BitSet set, int next) implements Node {}

    /// The special token `id`, then `next`.
    record Token(int id, int next) implements Node {}

    /// A text of another rule, then `next`.
    record Call(int rule, int next) implements Node {}

    /// Any of several places.
    record Split(int... to) implements Node {}

    /// The end of a rule.
    record End() implements Node {}

    /// Where a text stands in the rules; `below` is where the calling rule goes on.
    private record Stack(int node, Stack below, int depth, int hash) {
        Stack(int node, Stack below) {
            this(node, below, below == null ? 0 : below.depth + 1, 31 * node + (below == null ? 7 : below.hash));
        }

        @Override
        public boolean equals(Object other) {
            return other instanceof Stack s && s.hash == hash && s.depth == depth && s.node == node && (s.below == below || below != null && below.equals(s.below));
        }

        @Override
        public int hashCode() {
            return hash;
        }
    }

    /// One state; two with the same stacks are the same object.
    final class State {
        private final Set<Stack> stacks;
        private final boolean accepting;
        private final State[] next = new State[256];

        private State(Set<Stack> stacks, boolean accepting) {
            this.stacks = stacks;
            this.accepting = accepting;
        }

        /// Whether the text may end here.
        boolean accepting() {
            return accepting;
        }

        /// Whether no text goes on from here.
        boolean ended() {
            return stacks.isEmpty();
        }

        boolean dead() {
            return stacks.isEmpty() && !accepting;
        }

        /// The state after a byte.
        State after(byte value) {
            int b = value & 0xFF;
            if (next[b] == null) {
                List<Stack> moved = new ArrayList<>();
                for (Stack stack : stacks) {
                    if (nodes.get(stack.node) instanceof Bytes bytes && bytes.set.get(b)) moved.add(new Stack(bytes.next, stack.below));
                }
                next[b] = state(moved);
            }
            return next[b];
        }

        /// The state after a special token.
        State afterToken(int id) {
            List<Stack> moved = new ArrayList<>();
            for (Stack stack : stacks) {
                if (nodes.get(stack.node) instanceof Token token && token.id == id) moved.add(new Stack(token.next, stack.below));
            }
            return state(moved);
        }

        /// The mask that [#remember] was given, or null.
        BitSet mask() {
            return masks.get(this);
        }

        /// Keeps a mask; those of states not met for the longest time are forgotten.
        void remember(BitSet mask) {
            masks.put(this, mask);
            if (masks.size() > MOST_MASKS) masks.pollFirstEntry();
        }

        /// The special tokens that may come.
        List<Integer> tokens() {
            List<Integer> ids = new ArrayList<>();
            for (Stack stack : stacks) if (nodes.get(stack.node) instanceof Token token) ids.add(token.id);
            return ids;
        }
    }

    private final List<Node> nodes;
    private final int[] rules;
    private final LinkedHashMap<State, BitSet> masks = new LinkedHashMap<>(16, 0.75f, true);
    private final Map<Set<Stack>, State> accepted = new HashMap<>();
    private final Map<Set<Stack>, State> open = new HashMap<>();

    Grammar(List<Node> nodes, int[] rules) {
        this.nodes = List.copyOf(nodes);
        this.rules = rules.clone();
    }

    /// The state of the empty text of rule 0.
    State start() {
        return state(List.of(new Stack(rules[0], null)));
    }

    /// Follows calls, splits and ends until every stack waits for a byte or a token.
    private State state(List<Stack> from) {
        Set<Stack> waiting = new HashSet<>();
        Set<Stack> seen = new HashSet<>(from);
        ArrayDeque<Stack> todo = new ArrayDeque<>(from);
        boolean accepting = false;
        while (!todo.isEmpty()) {
            Stack stack = todo.pop();
            List<Stack> more = switch (nodes.get(stack.node)) {
                case Bytes ignored -> List.of();
                case Token ignored -> List.of();
                case Call call -> stack.depth < DEEPEST ? List.of(new Stack(rules[call.rule], new Stack(call.next, stack.below))) : List.of();
                case Split split -> java.util.Arrays.stream(split.to).mapToObj(to -> new Stack(to, stack.below)).toList();
                case End ignored -> stack.below == null ? List.of() : List.of(stack.below);
            };
            for (Stack one : more) if (seen.add(one)) todo.push(one);
            switch (nodes.get(stack.node)) {
                case Bytes ignored -> waiting.add(stack);
                case Token ignored -> waiting.add(stack);
                case End ignored -> accepting |= stack.below == null;
                case Call ignored -> { }
                case Split ignored -> { }
            }
        }
        Map<Set<Stack>, State> known = accepting ? accepted : open;
        if (accepted.size() + open.size() > MOST_STATES) {
            accepted.clear();
            open.clear();
        }
        boolean ends = accepting;
        return known.computeIfAbsent(waiting, stacks -> new State(stacks, ends));
    }

    /// Whether a text of the language may begin like this; for tests and checks.
    public boolean allowsPrefix(byte[] text) {
        return !run(text).dead();
    }

    /// Whether a text is of the language.
    public boolean accepts(byte[] text) {
        return run(text).accepting();
    }

    private State run(byte[] text) {
        State state = start();
        for (byte b : text) state = state.after(b);
        return state;
    }
}
