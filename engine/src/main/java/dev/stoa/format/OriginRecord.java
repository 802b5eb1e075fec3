// SPDX-License-Identifier: Apache-2.0
package dev.stoa.format;

import dev.stoa.EngineFault;
import dev.stoa.Fault;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.JsonNodeFactory;
import tools.jackson.databind.node.ObjectNode;

/// The origin chain in the manifest beside a model (formats.md, section 12): of which models it is a copy, nearest first.
public final class OriginRecord {
    private static final String ORIGIN = "origin";

    private OriginRecord() {}

    /// Adds `source`, and what that is a copy of, to the origins of `copy`. The caller has found it to be one. Returns the
    /// manifest, or null when it said so already.
    public static Path write(ModelFiles copy, ModelFiles source) throws IOException {
        String hash = copy.modelHash();
        String from = source.modelHash();
        if (hash.equals(from) || copy.origins(hash).contains(from)) return null;
        Path directory = copy instanceof ModelDirectory ? copy.path() : copy.path().toAbsolutePath().getParent();
        PackManifest earlier = PackManifest.read(directory);
        ObjectNode root = switch (copy) {
            case ModelDirectory _ -> (earlier != null ? earlier : PackManifest.of(directory, new FileDigests(), Map.of())).root();
            case Gguf gguf -> of(gguf, hash, directory, earlier);
        };
        ArrayNode origins = JsonNodeFactory.instance.arrayNode();
        Set<String> known = new TreeSet<>();
        add(origins, known, from, source.tokenizerHash());
        for (String older : source.origins(from)) add(origins, known, older, null);
        for (JsonNode older : root.path(ORIGIN)) if (known.add(older.path("model_hash").asString(""))) origins.add(older);
        root.set(ORIGIN, origins);
        new PackManifest(List.of(), root).write(directory);
        return directory.resolve(PackManifest.NAME);
    }

    /// The manifest of a directory where a GGUF file lies: it speaks of one model only.
    private static ObjectNode of(Gguf file, String hash, Path directory, PackManifest earlier) throws IOException {
        ObjectNode root = earlier == null ? JsonNodeFactory.instance.objectNode() : earlier.root();
        if (root.has("model_hash") && !root.path("model_hash").asString("").equals(hash)) {
            throw Fault.of(EngineFault.OUTPUT_EXISTS, "the manifest beside the file is that of another model").where(directory.resolve(PackManifest.NAME))
                    .got("model_hash " + root.path("model_hash").asString("")).expected(hash).next("put the copy into a directory of its own").exception();
        }
        ArrayNode files = root.has("files") ? (ArrayNode) root.get("files") : root.putArray("files");
        Set<String> listed = new TreeSet<>();
        for (JsonNode item : files) listed.add(item.path("path").asString(""));
        FileDigests digests = new FileDigests();
        for (Path part : file.files()) {
            String name = part.getFileName().toString();
            FileDigests.Digest digest = digests.of(part);
            if (listed.add(name)) files.addObject().put("path", name).put("size", digest.size()).put("sha256", digest.hex());
        }
        root.put("model_hash", hash);
        if (file.tokenizerHash() != null) root.put("tokenizer_hash", file.tokenizerHash());
        return root;
    }

    private static void add(ArrayNode origins, Set<String> known, String hash, String tokenizer) {
        if (!known.add(hash)) return;
        ObjectNode origin = origins.addObject().put("model_hash", hash);
        if (tokenizer != null) origin.put("tokenizer_hash", tokenizer);
    }

    /// What the manifest beside a GGUF file says it is a copy of; empty when it does not speak of the model with this hash.
    static List<String> beside(Gguf file, String hash) throws IOException {
        PackManifest manifest = PackManifest.read(file.path().toAbsolutePath().getParent());
        if (manifest == null || !manifest.root().path("model_hash").asString("").equals(hash)) return List.of();
        List<String> origins = new ArrayList<>();
        for (JsonNode origin : manifest.root().path(ORIGIN)) origins.add(origin.path("model_hash").asString(""));
        return origins;
    }
}
