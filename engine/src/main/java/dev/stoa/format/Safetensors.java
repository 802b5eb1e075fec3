// SPDX-License-Identifier: Apache-2.0
package dev.stoa.format;

import dev.stoa.tensor.Scope;
import dev.stoa.tensor.Tensor;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Collections;
import java.util.Map;
import java.util.SortedSet;
import java.util.TreeMap;
import java.util.TreeSet;

/// One safetensors file, mapped read-only. Tensors share the mapping and live as long as the scope it was opened
/// in; `close` is therefore empty. Immutable and thread-safe.
public final class Safetensors implements Weights {
    private final TreeMap<String, Tensor> tensors = new TreeMap<>();
    private final Map<String, String> metadata;

    private Safetensors(SafetensorsHeader header, MemorySegment data) {
        this.metadata = header.metadata();
        header.entries().forEach((name, entry) -> tensors.put(name,
                new Tensor(data.asSlice(entry.begin(), entry.end() - entry.begin()), entry.dtype(), entry.dims())));
    }

    /// Validates the header and maps the data into `scope`.
    public static Safetensors open(Path file, Scope scope) throws IOException {
        try (FileChannel channel = FileChannel.open(file, StandardOpenOption.READ)) {
            SafetensorsHeader header = SafetensorsHeader.read(channel, file);
            return new Safetensors(header, scope.map(channel, header.dataStart(), channel.size() - header.dataStart()));
        }
    }

    /// The header alone, without mapping anything.
    public static SafetensorsHeader inspect(Path file) throws IOException {
        try (FileChannel channel = FileChannel.open(file, StandardOpenOption.READ)) {
            return SafetensorsHeader.read(channel, file);
        }
    }

    public Map<String, String> metadata() {
        return metadata;
    }

    @Override
    public SortedSet<String> names() {
        return Collections.unmodifiableSortedSet(new TreeSet<>(tensors.keySet()));
    }

    @Override
    public Tensor find(String name) {
        return tensors.get(name);
    }

    @Override
    public void close() {}
}
