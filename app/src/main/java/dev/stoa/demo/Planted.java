// SPDX-License-Identifier: Apache-2.0
package dev.stoa.demo;

import dev.stoa.adapter.Adapter;
import dev.stoa.adapter.AdapterHash;
import dev.stoa.adapter.Delta;
import dev.stoa.adapter.TargetId;
import dev.stoa.format.Safetensors;
import dev.stoa.format.SafetensorsWriter;
import dev.stoa.tensor.Ledger;
import dev.stoa.tensor.Scope;
import dev.stoa.tensor.Tensor;
import java.io.IOException;
import java.nio.file.Path;
import java.util.TreeMap;
import java.util.function.UnaryOperator;

/// Makes damaged copies of adapters, for gates to find.
final class Planted {
    private Planted() {}

    /// The adapter with the update of its first module changed.
    static Adapter replaceFirst(Adapter adapter, UnaryOperator<Delta.LowRank> change) {
        TreeMap<TargetId, Delta> entries = new TreeMap<>(adapter.entries());
        TargetId first = entries.firstKey();
        entries.put(first, change.apply(entries.get(first).update()));
        return new Adapter(AdapterHash.of(entries), adapter.baseHash(), entries);
    }

    /// Removes the first lora_A of a written adapter.
    static void dropOneFactor(Path directory) throws IOException {
        Path file = directory.resolve("adapter_model.safetensors");
        try (Scope scope = new Ledger().scope("damage")) {
            Safetensors weights = Safetensors.open(file, scope);
            TreeMap<String, Tensor> kept = new TreeMap<>();
            boolean dropped = false;
            for (String name : weights.names()) {
                if (!dropped && name.contains("lora_A")) dropped = true;
                else kept.put(name, weights.find(name));
            }
            SafetensorsWriter.write(file, kept, weights.metadata());
        }
    }
}
