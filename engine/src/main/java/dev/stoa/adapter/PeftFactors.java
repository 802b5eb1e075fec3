// SPDX-License-Identifier: Apache-2.0
package dev.stoa.adapter;

import dev.stoa.EngineFault;
import dev.stoa.format.Json;
import dev.stoa.format.Safetensors;
import dev.stoa.format.Weights;
import dev.stoa.tensor.Scope;
import dev.stoa.tensor.Tensor;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.regex.Matcher;

/// The factors of a PEFT directory as they lie in the file, unpaired and unjudged: what a health check has to see of an
/// adapter that [PeftReader] would refuse. Keys are canonical module paths; `leftovers` are tensors that are no LoRA
/// factor by name; `baseHash` is null when the file names no base. Tensors are mapped into the scope given.
public record PeftFactors(SortedMap<String, Pair> modules, List<String> leftovers, String baseHash) {
    /// The two factors of a module, either may be null, with the rank and the effective scale the configuration
    /// declares.
    public record Pair(Tensor a, Tensor b, int declaredRank, double scale) {}

    public static PeftFactors read(Path directory, Scope scope) throws IOException {
        Path place = PeftReader.locate(directory);
        Path file = place.resolve(PeftReader.CONFIG);
        PeftConfig config = PeftConfig.parse(Json.readObject(file, PeftReader.CONFIG_LIMIT,
                EngineFault.ADAPTER_INVALID), file, false);
        Weights weights = Safetensors.open(place.resolve(PeftReader.WEIGHTS), scope);
        SortedMap<String, Pair> modules = new TreeMap<>();
        List<String> leftovers = new ArrayList<>();
        for (String key : weights.names()) {
            Matcher match = PeftReader.KEY.matcher(key);
            String name = match.matches() ? match.group(1) : null;
            Pair pair = name == null ? null : modules.getOrDefault(ModuleNames.canonical(name),
                    new Pair(null, null, config.rankOf(name), config.scaleOf(name)));
            boolean isA = name != null && match.group(2).equals("A");
            if (pair == null || (isA ? pair.a() : pair.b()) != null) leftovers.add(key);
            else modules.put(ModuleNames.canonical(name), isA
                    ? new Pair(weights.find(key), pair.b(), pair.declaredRank(), pair.scale())
                    : new Pair(pair.a(), weights.find(key), pair.declaredRank(), pair.scale()));
        }
        return new PeftFactors(modules, leftovers, config.baseHash());
    }
}
