// SPDX-License-Identifier: Apache-2.0
package dev.stoa.eval.world;

import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/// What one domain's words mean: f_d from keys to values. Immutable, in planted order.
///
/// @param privateKeys keys only this domain (and its planted partners) gives a meaning
/// @param generalKeys keys whose meaning is that of the general table
public record Codebook(String domain, List<String> privateKeys, List<String> generalKeys, Map<String, Integer> values) {
    public Codebook {
        privateKeys = List.copyOf(privateKeys);
        generalKeys = List.copyOf(generalKeys);
        values = Collections.unmodifiableMap(new LinkedHashMap<>(values));
    }

    /// Every key, private ones first.
    public List<String> keys() {
        return List.copyOf(values.keySet());
    }

    /// f_d(key); a key the domain does not have is a bug of the caller.
    public int value(String key) {
        Integer value = values.get(key);
        if (value == null) throw new IllegalArgumentException(domain + " has no key " + key);
        return value;
    }
}
