// SPDX-License-Identifier: Apache-2.0
package dev.stoa.library;

import dev.stoa.adapter.Adapter;
import dev.stoa.adapter.Delta;
import dev.stoa.adapter.PeftFactors;
import dev.stoa.adapter.PeftReader;
import dev.stoa.adapter.TargetId;
import dev.stoa.tensor.Ledger;
import dev.stoa.tensor.Scope;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.TreeSet;

/// What the manifest says about the content of an adapter. Rank, scale and alpha are those of its largest module.
/// `baseHash` is the base the files themselves name, or null.
public record AdapterFacts(
        String adapterHash, String baseHash, int rank, double scale, List<String> targets, String dtype, long params) {
    public static AdapterFacts of(Adapter adapter) {
        int rank = 0;
        double scale = 1;
        long params = 0;
        TreeSet<String> targets = new TreeSet<>();
        TreeSet<String> dtypes = new TreeSet<>();
        for (Map.Entry<TargetId, Delta> entry : adapter.entries().entrySet()) {
            Delta.LowRank delta = entry.getValue().update();
            if (delta.rank() > rank) {
                rank = delta.rank();
                scale = delta.scale();
            }
            params += delta.a().elements() + delta.b().elements();
            dtypes.add(delta.a().dtype().name());
            dtypes.add(delta.b().dtype().name());
            targets.add(entry.getKey().module());
        }
        return new AdapterFacts(adapter.hash(), adapter.baseHash(), rank, scale, List.copyOf(targets),
                String.join("+", dtypes), params);
    }

    /// Reads a PEFT directory; one that PEFT could not apply whole is a `FaultException`. Shapes are taken from the
    /// file itself: whether they fit a base is the gate's question.
    public static AdapterFacts read(Path directory) throws IOException {
        try (Scope scope = new Ledger().scope("adapter facts")) {
            Map<String, long[]> shapes = new TreeMap<>();
            PeftFactors.read(directory, scope).modules().forEach((path, pair) -> {
                if (pair.a() == null || pair.b() == null) return; // the reader reports it
                shapes.put(path, new long[] {pair.b().rows(), pair.a().cols()});
            });
            return of(PeftReader.read(directory, shapes, scope));
        }
    }

    Manifest.AdapterPart part(List<Manifest.StoredFile> files) {
        return new Manifest.AdapterPart(files, adapterHash, rank, scale * rank, scale, targets, dtype, params);
    }
}
