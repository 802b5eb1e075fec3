// SPDX-License-Identifier: Apache-2.0
package dev.stoa.quant;

import dev.stoa.EngineFault;
import dev.stoa.Fault;
import java.util.Collections;
import java.util.Map;
import java.util.ServiceLoader;
import java.util.SortedSet;
import java.util.TreeMap;
import java.util.TreeSet;

/// The packed formats of this process by the name configs use. Immutable and thread-safe.
///
/// Block formats of GGUF are not here: they are dtypes ([Quant]), so a config that asks for one by `mode` is refused.
public final class QuantRegistry {
    private final Map<String, PackedFormat> formats;

    private QuantRegistry(Map<String, PackedFormat> formats) {
        this.formats = formats;
    }

    /// All providers on the class path; two of one name are an error.
    public static QuantRegistry load() {
        Map<String, PackedFormat> formats = new TreeMap<>();
        for (PackedFormat format : ServiceLoader.load(PackedFormat.class, PackedFormat.class.getClassLoader())) {
            if (formats.put(format.name(), format) != null) {
                throw Fault.of(EngineFault.INTERNAL, "two providers of the weight format %s", format.name())
                        .where("META-INF/services/" + PackedFormat.class.getName()).next("remove one from the class path").exception();
            }
        }
        return new QuantRegistry(formats);
    }

    public SortedSet<String> names() {
        return Collections.unmodifiableSortedSet(new TreeSet<>(formats.keySet()));
    }

    /// The format of that name, or null.
    public PackedFormat find(String name) {
        return formats.get(name);
    }
}
