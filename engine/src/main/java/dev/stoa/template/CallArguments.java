// SPDX-License-Identifier: Apache-2.0
package dev.stoa.template;

import java.util.List;
import java.util.Map;

/// Evaluated arguments of a call.
record CallArguments(List<Object> positional, Map<String, Object> named) {
    static final CallArguments NONE = new CallArguments(List.of(), Map.of());

    /// Marks a parameter that must be given.
    static final Object REQUIRED = new Object();

    /// Marks a parameter that was left out.
    static final Object OMITTED = new Object();

    /// Like [#bind], for functions written in C, whose parameters have no names.
    Object[] positionalOnly(String function, Object... parameters) {
        if (!named.isEmpty()) throw new Problem("%s takes no named arguments", function);
        return bind(function, parameters);
    }

    /// One value for each parameter of `name=default` pairs: `bind("trim", "chars", null)`.
    Object[] bind(String function, Object... parameters) {
        int count = parameters.length / 2;
        if (positional.size() > count) throw new Problem("%s takes at most %d arguments, got %d", function, count, positional.size());
        Object[] values = new Object[count];
        int used = 0;
        for (int i = 0; i < count; i++) {
            String name = (String) parameters[2 * i];
            boolean byName = named.containsKey(name);
            if (byName) used++;
            if (byName && i < positional.size()) throw new Problem("%s got '%s' twice", function, name);
            values[i] = i < positional.size() ? positional.get(i) : byName ? named.get(name) : parameters[2 * i + 1];
            if (values[i] == REQUIRED) throw new Problem("%s needs the argument '%s'", function, name);
        }
        if (used < named.size()) throw new Problem("%s does not know one of the arguments %s", function, named.keySet());
        return values;
    }
}
