// SPDX-License-Identifier: Apache-2.0
package dev.stoa.format;

import dev.stoa.EngineFault;
import dev.stoa.Fault;
import dev.stoa.FaultException;
import dev.stoa.tensor.Scope;
import dev.stoa.tensor.Tensor;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.SortedSet;
import java.util.TreeMap;
import java.util.TreeSet;
import tools.jackson.databind.JsonNode;

/// Several safetensors files joined by `*.index.json`. Index and shards must agree exactly: a tensor outside the
/// index, twice, or promised and absent is an error. Lives as long as the scope it was opened in.
public final class ShardedSafetensors implements Weights {
    private static final long MAX_INDEX = 256L << 20;
    private final TreeMap<String, Tensor> tensors = new TreeMap<>();
    private final List<Path> files;

    private ShardedSafetensors(List<Path> files) {
        this.files = List.copyOf(files);
    }

    public static ShardedSafetensors open(Path index, Scope scope) throws IOException {
        Map<String, String> shardOf = weightMap(index);
        Path directory = index.toAbsolutePath().getParent();
        List<Path> files = new ArrayList<>();
        for (String name : new TreeSet<>(shardOf.values())) files.add(directory.resolve(name));
        List<String> issues = new ArrayList<>();
        for (Path file : files) if (!Files.isRegularFile(file)) issues.add(file.getFileName() + ": the shard is missing");
        raise(issues, index, EngineFault.MISSING_FILE);

        ShardedSafetensors all = new ShardedSafetensors(files);
        for (Path file : files) {
            Safetensors shard = Safetensors.open(file, scope);
            String shardName = file.getFileName().toString();
            for (String name : shard.names()) {
                String promised = shardOf.get(name);
                if (promised == null) issues.add(name + ": in " + shardName + ", but not in the index");
                else if (!promised.equals(shardName)) issues.add(name + ": in " + shardName + ", the index says " + promised);
                if (all.tensors.put(name, shard.find(name)) != null) issues.add(name + ": in two shards");
            }
        }
        for (String name : shardOf.keySet()) {
            if (!all.tensors.containsKey(name)) issues.add(name + ": in the index, but in no shard");
        }
        raise(issues, index, EngineFault.BAD_CONTAINER);
        return all;
    }

    private static Map<String, String> weightMap(Path index) throws IOException {
        JsonNode map = Json.readObject(index, MAX_INDEX, EngineFault.BAD_CONTAINER).get("weight_map");
        if (map == null || !map.isObject() || map.isEmpty()) {
            throw broken("the index has no weight_map", index, map, "{\"tensor\": \"file\"}");
        }
        Map<String, String> shardOf = new TreeMap<>();
        for (Map.Entry<String, JsonNode> item : map.properties()) {
            String file = item.getValue().isString() ? item.getValue().stringValue() : "";
            if (!file.matches("[^/\\\\\\x00-\\x1f]+\\.safetensors")) {
                throw broken("the index names a shard outside the directory", index, item.getValue(), "a plain *.safetensors name");
            }
            shardOf.put(item.getKey(), file);
        }
        return shardOf;
    }

    /// Names of the files an index promises, sorted.
    static TreeSet<String> shardNames(Path index) throws IOException {
        return new TreeSet<>(weightMap(index).values());
    }

    private static void raise(List<String> issues, Path index, Fault.Code code) {
        if (issues.isEmpty()) return;
        throw Fault.of(code, "%d disagreements between the index and its shards", issues.size()).where(index)
                .issues(issues.stream().limit(50).toList()).next("fetch the directory again").exception();
    }

    private static FaultException broken(String what, Path where, Object got, Object expected) {
        return Fault.of(EngineFault.BAD_CONTAINER, what).where(where).got(got).expected(expected)
                .next("fetch the directory again").exception();
    }

    /// The shard files, sorted by name.
    public List<Path> files() {
        return files;
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
