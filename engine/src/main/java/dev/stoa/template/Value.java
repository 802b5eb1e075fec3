// SPDX-License-Identifier: Apache-2.0
package dev.stoa.template;

import java.util.ArrayList;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Function;

/// Values that templates have beside the plain ones, which are String, Long, BigInteger (beyond 64 bits), Double,
/// Boolean, null (None), List and Map.
sealed interface Value {
    /// A missing name; prints as nothing, and `hint` says what was missing when it is used.
    record Undefined(String hint) implements Value {}

    /// `safe` and `escape` make these: text whose operations escape what they take in (MarkupSafe's Markup).
    record Markup(String text) implements Value {
        static String escape(String plain) {
            return plain.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace("'", "&#39;").replace("\"", "&#34;");
        }
    }

    /// `group` marks what `groupby` makes: pairs that are also `.grouper` and `.list`.
    record Tuple(List<Object> items, boolean group) implements Value {
        Tuple(List<Object> items) {
            this(items, false);
        }
    }

    /// `range(from, to, step)`.
    record Range(List<Object> items, long from, long step, long to) implements Value {
        String text() {
            return "range(" + from + ", " + to + (step == 1 ? "" : ", " + step) + ")";
        }

        /// Bounds are indices of this range.
        Range slice(List<Object> picked, long begin, long end, long stride) {
            return new Range(picked, from + begin * step, step * stride, from + end * step);
        }
    }

    /// What `dict.items()`, `keys()` and `values()` give: a sequence without indices or JSON form.
    record View(String name, List<Object> items) implements Value {}

    /// The result of `map`, `select` and their like: it can be looped over once, and each element is computed when it is
    /// asked for.
    record Generator(Iterator<Object> rest) implements Value {
        static Generator of(List<Object> items) {
            return new Generator(items.iterator());
        }
    }

    /// `namespace(...)`: the one thing a template may change from inside a loop.
    record Namespace(Map<String, Object> fields) implements Value {
        static Namespace of(Map<String, Object> fields) {
            return new Namespace(new LinkedHashMap<>(fields));
        }
    }

    record MacroValue(Node.Macro macro, Scope scope) implements Value {}

    /// A global function.
    record Named(String name) implements Value {}

    /// `text.strip` before it is called.
    record Method(Object target, String name) implements Value {}

    /// `joiner(text)`: nothing at the first call, then the text.
    final class Joiner implements Value {
        private final Object text;
        private boolean used;

        Joiner(Object text) {
            this.text = text;
        }

        Object next() {
            Object result = used ? text : "";
            used = true;
            return result;
        }
    }

    /// `cycler(a, b)`: its items in turn.
    final class Cycler implements Value {
        private final List<Object> items;
        private int at;

        Cycler(List<Object> items) {
            this.items = items;
        }

        Object current() {
            return items.get(at);
        }

        Object next() {
            Object result = items.get(at);
            at = (at + 1) % items.size();
            return result;
        }

        void reset() {
            at = 0;
        }
    }

    /// `loop` inside a for. Elements are taken from the iterator when they are needed, one ahead at most unless the
    /// length is asked for, so that a loop over a lazy sequence sees what its body changed.
    final class Loop implements Value, Iterator<Object> {
        private static final Object NOTHING = new Object();
        private final int depth;
        private final Function<Object, Object> recurse;
        private Iterator<Object> rest;
        private long length;
        private Object before = NOTHING;
        private Object current = NOTHING;
        private Object after = NOTHING;
        private Object changed = NOTHING;
        private int index = -1;

        /// A negative length means unknown; `recurse` is null for a loop that is not recursive.
        Loop(Iterator<Object> items, long length, int depth, Function<Object, Object> recurse) {
            this.rest = items;
            this.length = length;
            this.depth = depth;
            this.recurse = recurse;
        }

        @Override
        public boolean hasNext() {
            return after != NOTHING || rest.hasNext();
        }

        @Override
        public Object next() {
            before = current;
            current = after != NOTHING ? after : rest.next();
            after = NOTHING;
            index++;
            return current;
        }

        private boolean peek() {
            if (after == NOTHING && rest.hasNext()) after = rest.next();
            return after != NOTHING;
        }

        long length() {
            if (length < 0) {
                List<Object> left = new ArrayList<>();
                rest.forEachRemaining(left::add);
                rest = left.iterator();
                length = left.size() + index + 1 + (after != NOTHING ? 1 : 0);
            }
            return length;
        }

        Object get(String name) {
            return switch (name) {
                case "index" -> (long) index + 1;
                case "index0" -> (long) index;
                case "revindex" -> length() - index;
                case "revindex0" -> length() - index - 1;
                case "first" -> index == 0;
                case "last" -> !peek();
                case "length" -> length();
                case "previtem" -> index > 0 ? before : new Undefined("there is no previous item");
                case "nextitem" -> peek() ? after : new Undefined("there is no next item");
                case "depth" -> (long) depth + 1;
                case "depth0" -> (long) depth;
                case "cycle", "changed" -> new Method(this, name);
                default -> new Undefined("'loop' has no attribute '" + name + "'");
            };
        }

        Object cycle(List<Object> items) {
            if (items.isEmpty()) throw new Problem("no items for cycling given");
            return items.get(index % items.size());
        }

        boolean changed(Tuple now, Values values) {
            if (changed != NOTHING && values.equal(changed, now)) return false;
            changed = now;
            return true;
        }

        Object recurse(Object items) {
            if (recurse == null) throw new Problem("only a loop marked 'recursive' can call itself");
            return recurse.apply(items);
        }

        int depth() {
            return depth;
        }
    }
}
