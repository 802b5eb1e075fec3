// SPDX-License-Identifier: Apache-2.0
package dev.stoa.template;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/// Values that templates have beside the plain ones, which are String, Long, Double, Boolean, null (None), List and Map.
sealed interface Value {
    /// A missing name; prints as nothing, and `hint` says what was missing when it is used.
    record Undefined(String hint) implements Value {}

    record Tuple(List<Object> items) implements Value {}

    /// The result of `map`, `select` and their like: it can be looped over, but has no length, elements or JSON form.
    record Generator(List<Object> items) implements Value {}

    /// `namespace(...)`: the one thing a template may change from inside a loop.
    record Namespace(Map<String, Object> fields) implements Value {
        static Namespace of(Map<String, Object> fields) {
            return new Namespace(new LinkedHashMap<>(fields));
        }
    }

    record MacroValue(Node.Macro macro, Scope scope) implements Value {}

    /// A global function.
    record Function(String name) implements Value {}

    /// `text.strip` before it is called.
    record Method(Object target, String name) implements Value {}

    /// `loop` inside a for.
    record Loop(List<Object> items, int index) implements Value {
        Object get(String name) {
            int last = items.size() - 1;
            return switch (name) {
                case "index" -> (long) index + 1;
                case "index0" -> (long) index;
                case "revindex" -> (long) last - index + 1;
                case "revindex0" -> (long) last - index;
                case "first" -> index == 0;
                case "last" -> index == last;
                case "length" -> (long) items.size();
                case "previtem" -> index > 0 ? items.get(index - 1) : new Undefined("there is no previous item");
                case "nextitem" -> index < last ? items.get(index + 1) : new Undefined("there is no next item");
                case "depth" -> 1L;
                case "depth0" -> 0L;
                case "cycle" -> new Method(this, name);
                default -> new Undefined("'loop' has no attribute '" + name + "'");
            };
        }
    }
}
