// SPDX-License-Identifier: Apache-2.0
package dev.stoa.format;

import dev.stoa.EngineFault;
import dev.stoa.Fault;
import dev.stoa.tensor.Ledger;
import dev.stoa.tensor.Scope;
import dev.stoa.tensor.Tensor;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.SortedSet;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/// A GGUF model or adapter, one file or a complete split set (`name-00001-of-0000N.gguf`), mapped read-only. Tensors
/// have the names of the file and row-major shapes (GGUF's ne reversed); they share the mapping and live as long as the
/// scope it was opened in; `close` is therefore empty. Immutable and thread-safe.
public final class Gguf implements Weights, ModelFiles {
    /// Metadata of a copy: model_hash of the model it was made of, and those of which that one is a copy.
    static final String ORIGIN = "stoa.origin.model_hash";
    static final String EARLIER_ORIGINS = "stoa.origin.earlier";
    private static final Pattern SPLIT = Pattern.compile("(.+)-(\\d{5})-of-(\\d{5})\\.gguf");
    private final TreeMap<String, Tensor> tensors = new TreeMap<>();
    private final List<GgufHeader> headers = new ArrayList<>();
    private final List<Path> files;
    private final FileDigests digests = new FileDigests();

    private Gguf(List<Path> files) {
        this.files = List.copyOf(files);
    }

    /// Validates the head of every file and maps the data into `scope`; any file of a split set names the whole set.
    public static Gguf open(Path file, Scope scope) throws IOException {
        Gguf all = new Gguf(parts(file));
        List<String> issues = new ArrayList<>();
        for (Path part : all.files) {
            try (FileChannel channel = FileChannel.open(part, StandardOpenOption.READ)) {
                MemorySegment mapped = scope.map(channel, 0, channel.size());
                GgufHeader header = GgufHeader.read(mapped, part);
                all.headers.add(header);
                for (GgufHeader.Entry entry : header.entries()) {
                    MemorySegment data = mapped.asSlice(header.dataStart() + entry.offset(), entry.bytes());
                    if (all.tensors.put(entry.name(), new Tensor(data, entry.dtype(), entry.dims())) != null) {
                        issues.add(entry.name() + ": in two files");
                    }
                }
            }
        }
        all.checkSplit(issues);
        return all;
    }

    /// The head of one file, without keeping it mapped.
    public static GgufHeader inspect(Path file) throws IOException {
        try (Scope scope = new Ledger().scope("inspect"); FileChannel channel = FileChannel.open(file, StandardOpenOption.READ)) {
            return GgufHeader.read(scope.map(channel, 0, channel.size()), file);
        }
    }

    /// The file alone, or all files of its set, which must all be there.
    private static List<Path> parts(Path file) {
        Matcher match = SPLIT.matcher(file.getFileName().toString());
        int count = match.matches() ? Integer.parseInt(match.group(3)) : 1;
        List<Path> parts = new ArrayList<>();
        List<String> missing = new ArrayList<>();
        for (int i = 1; i <= count && missing.size() < 50; i++) {
            Path part = count == 1 ? file : file.resolveSibling("%s-%05d-of-%05d.gguf".formatted(match.group(1), i, count));
            parts.add(part);
            if (!Files.isRegularFile(part)) missing.add(part.getFileName() + " is missing");
        }
        if (!missing.isEmpty()) {
            throw Fault.of(EngineFault.MISSING_FILE, count == 1 ? "there is no such file" : "the split model is not complete")
                    .where(file).issues(missing).next("check the path, or fetch the missing files").exception();
        }
        return parts;
    }

    private void checkSplit(List<String> issues) {
        int promised = 0;
        for (int i = 0; i < headers.size(); i++) {
            GgufMetadata metadata = headers.get(i).metadata();
            int count = metadata.integer("split.count", headers.size() == 1 ? 1 : 0);
            int number = metadata.integer("split.no", i);
            promised = metadata.integer("split.tensors.count", promised);
            if (count > 1 && count != headers.size() || count == 0 || number != i) {
                issues.add("%s says it is part %d of %d, read as part %d of %d".formatted(
                        files.get(i).getFileName(), number + 1, count, i + 1, headers.size()));
            }
        }
        if (headers.size() > 1 && promised != tensors.size()) issues.add("%d tensors, split.tensors.count is %d".formatted(tensors.size(), promised));
        if (issues.isEmpty()) return;
        throw Fault.of(EngineFault.BAD_CONTAINER, "the files do not make one model").where(files.getFirst())
                .issues(issues.stream().limit(50).toList()).next("fetch the files again, with the names they were published under").exception();
    }

    /// Key-value pairs, those of the first file of a split set.
    public GgufMetadata metadata() {
        return headers.getFirst().metadata();
    }

    /// Names in the order of the files.
    public List<String> order() {
        return headers.stream().flatMap(header -> header.entries().stream()).map(GgufHeader.Entry::name).toList();
    }

    /// The files, in order.
    public List<Path> files() {
        return files;
    }

    /// The pairs that record in a copy which model it was made of.
    public static Map<String, GgufValue> originOf(ModelFiles source) throws IOException {
        Map<String, GgufValue> pairs = new LinkedHashMap<>();
        String hash = source.modelHash();
        List<String> earlier = source.origins(hash);
        pairs.put(ORIGIN, GgufValue.text(hash));
        if (!earlier.isEmpty()) pairs.put(EARLIER_ORIGINS, GgufValue.texts(earlier));
        if (source.tokenizerHash() != null) pairs.put("stoa.origin.tokenizer_hash", GgufValue.text(source.tokenizerHash()));
        return pairs;
    }

    @Override
    public Path path() {
        return files.getFirst();
    }

    /// model_hash: size and SHA-256 of the contents, whatever the files are called. Reads everything.
    @Override
    public String modelHash() throws IOException {
        return ModelHashes.gguf(files, digests);
    }

    @Override
    public void requireManifest() throws IOException {
        Path directory = files.getFirst().toAbsolutePath().getParent();
        PackManifest manifest = PackManifest.read(directory);
        boolean listed = manifest != null && manifest.files().stream().anyMatch(item -> item.path().equals(files.getFirst().getFileName().toString()));
        if (listed) PackManifest.require(directory, files, digests);
    }

    @Override
    public List<String> origins(String modelHash) throws IOException {
        Set<String> origins = new LinkedHashSet<>();
        if (metadata().has(ORIGIN)) origins.add(metadata().text(ORIGIN));
        if (metadata().has(EARLIER_ORIGINS)) origins.addAll(metadata().texts(EARLIER_ORIGINS));
        origins.addAll(OriginRecord.beside(this, modelHash));
        return List.copyOf(origins);
    }

    /// `tokenizer.chat_template`, or null.
    @Override
    public String chatTemplate() {
        return metadata().text("tokenizer.chat_template", null);
    }

    /// tokenizer_hash: the canonical form of the `tokenizer.ggml.*` pairs; null without any, and null never equals anything.
    @Override
    public String tokenizerHash() {
        return ModelHashes.tokenizer(metadata());
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
