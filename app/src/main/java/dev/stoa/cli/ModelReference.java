// SPDX-License-Identifier: Apache-2.0
package dev.stoa.cli;

import dev.stoa.EngineFault;
import dev.stoa.Fault;
import dev.stoa.format.hub.HubCache;
import dev.stoa.format.hub.HubRepo;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;

/// What a user calls a model: a path, or `ORG/NAME[@REVISION][:PART]` of a repository on a hub; PART is a piece of the name
/// of a GGUF file. `revision` and `part` are null when not given.
record ModelReference(String text, String repo, String revision, String part) {
    static final String MAIN = "main";

    static ModelReference of(String text) {
        int colon = text.lastIndexOf(':');
        String part = colon > 0 ? text.substring(colon + 1) : null;
        String rest = colon > 0 ? text.substring(0, colon) : text;
        int at = rest.indexOf('@');
        return new ModelReference(text, at < 0 ? rest : rest.substring(0, at), at < 0 ? null : rest.substring(at + 1), part);
    }

    String revisionOrMain() {
        return revision == null ? MAIN : revision;
    }

    /// The cache a verb works on: the one all tools share, or Stoa's own.
    static HubCache cache(Terminal terminal, boolean own) {
        return own ? new HubCache(Home.of(terminal).root().resolve("models")) : HubCache.of(terminal.env());
    }

    /// The snapshot this names in the cache, or null. A repository whose only snapshot no ref names is found as well.
    HubCache.Snapshot snapshot(HubCache cache) throws IOException {
        if (!HubRepo.valid(repo)) return null;
        HubRepo model = HubRepo.model(repo);
        HubCache.Snapshot found = cache.find(model, revisionOrMain());
        if (found != null || revision != null) return found;
        List<HubCache.Snapshot> all = cache.snapshots(model);
        return all.size() == 1 ? all.getFirst() : null;
    }

    /// The directory or GGUF file on this machine; a path that exists wins over a repository of that name.
    Path pack(HubCache cache) throws IOException {
        Path path = Path.of(text);
        if (Files.exists(path)) return path;
        HubCache.Snapshot snapshot = snapshot(cache);
        if (snapshot == null) throw missing(cache);
        if (part == null && Files.exists(snapshot.path().resolve("config.json"))) return snapshot.path();
        try (Stream<Path> files = Files.list(snapshot.path())) {
            List<Path> ggufs = files.filter(file -> file.getFileName().toString().endsWith(".gguf"))
                    .filter(file -> part == null || file.getFileName().toString().toLowerCase(java.util.Locale.ROOT).contains(part.toLowerCase(java.util.Locale.ROOT)))
                    .sorted().toList();
            if (part == null && ggufs.isEmpty()) return snapshot.path();
            if (ggufs.isEmpty()) throw missing(cache);
            return ggufs.getFirst();
        }
    }

    private RuntimeException missing(HubCache cache) {
        return Fault.of(EngineFault.MISSING_FILE, "there is no such model here").got(text).where(cache.root())
                .expected("a directory, a GGUF file, or ORG/NAME of a pulled model")
                .next(HubRepo.valid(repo) ? "stoa pull " + text : "stoa ls lists what is there").exception();
    }

    /// Options every model verb has for the cache.
    static Map<String, Object> facts(HubCache.Snapshot one) {
        return Map.of("repo", one.repo().id(), "kind", one.repo().kind().name().toLowerCase(java.util.Locale.ROOT), "commit", one.commit(),
                "refs", one.refs(), "path", one.path().toString(), "bytes", one.bytes(), "state", state(one));
    }

    /// `complete`, `partial`, or `foreign` for snapshots other tools made.
    static String state(HubCache.Snapshot one) {
        return !one.complete() ? "partial" : one.managed() ? "complete" : "foreign";
    }
}
