// SPDX-License-Identifier: Apache-2.0
package dev.stoa.format;

import dev.stoa.EngineFault;
import dev.stoa.Fault;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.regex.Pattern;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/// `stoa-manifest.json` of a model directory: its files with sizes and SHA-256, and everything else the file says as it
/// was written (`root`: hashes, origin, source, license). Immutable as long as nobody changes `root`.
public record PackManifest(List<Item> files, ObjectNode root) {
    /// The name of the file.
    public static final String NAME = "stoa-manifest.json";
    private static final long MAX_JSON = 64L << 20;
    private static final int SHOWN = 50;
    private static final Pattern SHA256 = Pattern.compile("[0-9a-f]{64}");

    /// One file; `path` is relative with `/` between its parts.
    public record Item(String path, long size, String sha256) {}

    /// A file that is not what the manifest says; `got` and `expected` are sizes, hashes, or "missing".
    public record Mismatch(String path, String got, String expected) {
        @Override
        public String toString() {
            return path + ": got " + got + ", expected " + expected;
        }
    }

    public PackManifest {
        files = List.copyOf(files);
    }

    /// The manifest of a directory, or null when it has none.
    public static PackManifest read(Path directory) throws IOException {
        Path file = directory.resolve(NAME);
        if (!Files.exists(file)) return null;
        ObjectNode root = (ObjectNode) Json.readObject(file, MAX_JSON, EngineFault.CONFIG_INVALID);
        List<Item> items = new ArrayList<>();
        TreeSet<String> names = new TreeSet<>();
        for (JsonFields item : new JsonFields(root, file + ":", EngineFault.CONFIG_INVALID).objects("files")) {
            String path = item.text("path");
            String sha256 = item.text("sha256");
            JsonNode size = item.node().get("size");
            boolean valid = RelativeNames.safe(path) && SHA256.matcher(sha256).matches() && size != null && size.isIntegralNumber()
                    && size.canConvertToLong() && size.longValue() >= 0 && names.add(path);
            if (!valid) {
                throw Fault.of(EngineFault.CONFIG_INVALID, "an entry of the manifest is not a file with size and hash, or is there twice")
                        .where(file).got(item.node()).expected("{path inside the directory, size, sha256}").next("fetch the model again").exception();
            }
            items.add(new Item(path, size.longValue(), sha256));
        }
        return new PackManifest(items, root);
    }

    /// A manifest of everything in a directory but hidden files and an earlier manifest; `more` are further fields.
    public static PackManifest of(Path directory, FileDigests digests, Map<String, JsonNode> more) throws IOException {
        ObjectNode root = tools.jackson.databind.node.JsonNodeFactory.instance.objectNode();
        ArrayNode files = root.putArray("files");
        List<Item> items = new ArrayList<>();
        for (String name : RelativeNames.below(directory)) {
            FileDigests.Digest digest = digests.of(directory.resolve(name));
            items.add(new Item(name, digest.size(), digest.hex()));
            files.addObject().put("path", name).put("size", digest.size()).put("sha256", digest.hex());
        }
        ModelHashes.describe(directory, digests, root);
        new TreeMap<>(more).forEach(root::set);
        return new PackManifest(items, root);
    }

    /// The manifest of a directory that is a copy of `source` in another layout: with it as origin.
    public static PackManifest ofCopy(Path directory, ModelFiles source) throws IOException {
        return new PackManifest(List.of(), ModelHashes.manifest(directory, source, source.modelHash()));
    }

    /// Writes the manifest into a directory, replacing an earlier one.
    public void write(Path directory) throws IOException {
        AtomicFiles.write(directory.resolve(NAME), Json.pretty(root));
    }

    /// Files that differ. Sizes are always compared, contents up to `hashUpTo` bytes.
    public List<Mismatch> mismatches(Path directory, FileDigests digests, long hashUpTo) throws IOException {
        List<Mismatch> found = new ArrayList<>();
        for (Item item : files) {
            Mismatch mismatch = check(directory, item, digests, hashUpTo);
            if (mismatch != null) found.add(mismatch);
        }
        return found;
    }

    /// What is wrong with one file, or null.
    public static Mismatch check(Path directory, Item item, FileDigests digests, long hashUpTo) throws IOException {
        Path file = directory.resolve(item.path());
        if (!Files.isRegularFile(file)) return new Mismatch(item.path(), "no such file", item.size() + " bytes");
        long size = Files.size(file);
        if (size != item.size()) return new Mismatch(item.path(), size + " bytes", item.size() + " bytes");
        if (size > hashUpTo) return null;
        String hash = digests.of(file).hex();
        return hash.equals(item.sha256()) ? null : new Mismatch(item.path(), hash, item.sha256());
    }

    /// Refuses files that are about to be used and differ from the manifest, or that it does not list. Without a manifest
    /// there is nothing to hold them against.
    static void require(Path directory, Collection<Path> used, FileDigests digests) throws IOException {
        PackManifest manifest = read(directory);
        if (manifest == null) return;
        Map<String, Item> byName = new TreeMap<>();
        for (Item item : manifest.files()) byName.put(item.path(), item);
        List<Mismatch> found = new ArrayList<>();
        for (Path file : used) {
            String name = file.getFileName().toString();
            Item item = byName.get(name);
            Mismatch mismatch = item == null ? new Mismatch(name, "a file", "none of that name") : check(directory, item, digests, Long.MAX_VALUE);
            if (mismatch != null) found.add(mismatch);
        }
        if (found.isEmpty()) return;
        throw Fault.of(EngineFault.HASH_MISMATCH, "%d files are not those of the manifest", found.size())
                .where(directory.resolve(found.getFirst().path())).got(found.getFirst().got()).expected(found.getFirst().expected())
                .issues(found.stream().limit(SHOWN).map(Mismatch::toString).toList())
                .next("fetch the model again; stoa verify lists what changed").exception();
    }
}
