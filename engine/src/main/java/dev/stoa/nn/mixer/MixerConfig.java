// SPDX-License-Identifier: Apache-2.0
package dev.stoa.nn.mixer;

import dev.stoa.EngineFault;
import dev.stoa.Fault;
import dev.stoa.nn.RopeSpec;
import java.util.Map;

/// What a config says about a named mixer: the sizes every kind has, and the keys of its own sub-object as numbers,
/// booleans and texts. `rope` is null for kinds without positions.
public record MixerConfig(int hidden, int heads, int kvHeads, int headDim, float eps, RopeSpec rope, Map<String, Object> values) {
    public MixerConfig {
        values = Map.copyOf(values);
    }

    /// The integer under `key`, at least `least`; `fallback` when the config does not say.
    public int integer(String key, int fallback, int least) {
        Object value = values.get(key);
        int number = value == null ? fallback : value instanceof Number n && n.doubleValue() == n.intValue() ? n.intValue() : least - 1;
        Fault.require(number >= least, EngineFault.CONFIG_INVALID, "%s = %s, expected an integer from %s", key, value, least);
        return number;
    }

    public double number(String key, double fallback) {
        Object value = values.get(key);
        Fault.require(value == null || value instanceof Number, EngineFault.CONFIG_INVALID, "%s = %s, expected a number", key, value);
        return value == null ? fallback : ((Number) value).doubleValue();
    }

    public boolean flag(String key, boolean fallback) {
        Object value = values.get(key);
        Fault.require(value == null || value instanceof Boolean, EngineFault.CONFIG_INVALID, "%s = %s, expected true or false", key, value);
        return value == null ? fallback : (Boolean) value;
    }
}
