// SPDX-License-Identifier: Apache-2.0
package dev.stoa.format;

import static dev.stoa.EngineFault.CONFIG_INVALID;

import dev.stoa.Fault;
import dev.stoa.FaultException;
import dev.stoa.format.GgufValue.Kind;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/// The key-value pairs of a GGUF file in file order. Immutable. Getters without a fallback require the key; a value of
/// another type is a fault that names file and key. Numbers may be stored in any width.
public final class GgufMetadata {
    private final Path file;
    private final Map<String, GgufValue> values;

    GgufMetadata(Path file, Map<String, GgufValue> values) {
        this.file = file;
        this.values = Collections.unmodifiableMap(new LinkedHashMap<>(values));
    }

    /// Pairs that are about to be written to `file`, to be read as a reader of that file would.
    public static GgufMetadata of(Path file, Map<String, GgufValue> values) {
        return new GgufMetadata(file, values);
    }

    public Set<String> keys() {
        return values.keySet();
    }

    public boolean has(String key) {
        return values.containsKey(key);
    }

    /// The value as stored, or null.
    public GgufValue get(String key) {
        return values.get(key);
    }

    public String text(String key) {
        return value(key, "a string") instanceof GgufValue(Kind kind, boolean array, String text) ? text : wrong(key, "a string");
    }

    public String text(String key, String fallback) {
        return has(key) ? text(key) : fallback;
    }

    public boolean flag(String key, boolean fallback) {
        if (!has(key)) return fallback;
        return values.get(key).value() instanceof Boolean flag ? flag : wrong(key, "a bool");
    }

    /// An integer that fits 32 bits.
    public int integer(String key) {
        GgufValue value = value(key, "an integer");
        if (value.array() || !value.integral() || value.integer(0) != (int) value.integer(0)) return wrong(key, "a 32-bit integer");
        return (int) value.integer(0);
    }

    public int integer(String key, int fallback) {
        return has(key) ? integer(key) : fallback;
    }

    /// A finite number; integers count.
    public double number(String key) {
        GgufValue value = value(key, "a number");
        if (value.array() || !value.numeric() || !Double.isFinite(value.number(0))) return wrong(key, "a finite number");
        return value.number(0);
    }

    public double number(String key, double fallback) {
        return has(key) ? number(key) : fallback;
    }

    public List<String> texts(String key) {
        GgufValue value = value(key, "an array of strings");
        if (!value.array() || value.kind() != Kind.STRING) return wrong(key, "an array of strings");
        @SuppressWarnings("unchecked") // the kind says so
        List<String> texts = (List<String>) value.value();
        return texts;
    }

    /// An array of integers that fit 32 bits.
    public int[] integers(String key) {
        GgufValue value = value(key, "an array of integers");
        if (!value.array() || !value.integral()) return wrong(key, "an array of integers");
        int[] all = new int[value.size()];
        for (int i = 0; i < all.length; i++) {
            if (value.integer(i) != (int) value.integer(i)) return wrong(key, "an array of 32-bit integers");
            all[i] = (int) value.integer(i);
        }
        return all;
    }

    public double[] numbers(String key) {
        GgufValue value = value(key, "an array of numbers");
        if (!value.array() || !value.numeric()) return wrong(key, "an array of numbers");
        double[] all = new double[value.size()];
        for (int i = 0; i < all.length; i++) all[i] = value.number(i);
        return all;
    }

    public boolean[] flags(String key) {
        return value(key, "an array of bools").value() instanceof boolean[] flags ? flags.clone() : wrong(key, "an array of bools");
    }

    /// One integer for each of `count` layers, which the file may give once for all.
    public int[] perLayer(String key, int count) {
        GgufValue value = value(key, "an integer, or one per layer");
        int[] all = new int[count];
        if (!value.array()) {
            Arrays.fill(all, integer(key));
            return all;
        }
        int[] stored = integers(key);
        return stored.length == count ? stored : wrong(key, "an integer, or " + count + " of them");
    }

    /// The file the pairs come from, the first one of a split model.
    public Path file() {
        return file;
    }

    /// A fault about one key, to be completed by the caller.
    public Fault fault(String key, String what, Object... args) {
        return Fault.of(CONFIG_INVALID, what, args).where(file + ": " + key).got(has(key) ? values.get(key) : "nothing");
    }

    private GgufValue value(String key, String expected) {
        GgufValue value = values.get(key);
        if (value == null) throw problem(key, "a metadata key is missing", expected);
        return value;
    }

    private <T> T wrong(String key, String expected) {
        throw problem(key, "a metadata value has the wrong type", expected);
    }

    private FaultException problem(String key, String what, String expected) {
        return fault(key, what).expected(expected).next("convert the model again with a current converter").exception();
    }
}
