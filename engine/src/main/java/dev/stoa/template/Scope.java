// SPDX-License-Identifier: Apache-2.0
package dev.stoa.template;

import java.util.HashMap;
import java.util.Map;

/// Variables of a block and, through the parent, of the blocks around it. Assignments stay in their own block.
final class Scope {
    private final Scope parent;
    private final Map<String, Object> variables = new HashMap<>();

    Scope(Scope parent) {
        this.parent = parent;
    }

    void set(String name, Object value) {
        variables.put(name, value);
    }

    Object get(String name) {
        for (Scope scope = this; scope != null; scope = scope.parent) {
            Object value = scope.variables.get(name);
            if (value != null || scope.variables.containsKey(name)) return value;
        }
        return new Value.Undefined("'" + name + "' is undefined");
    }
}
