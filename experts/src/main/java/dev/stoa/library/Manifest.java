// SPDX-License-Identifier: Apache-2.0
package dev.stoa.library;

import dev.stoa.ExpertsFault;
import dev.stoa.Fault;
import dev.stoa.FaultException;
import dev.stoa.store.Digest;
import java.time.Instant;
import java.time.format.DateTimeParseException;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import tools.jackson.core.JacksonException;

/// What one version of an expert is, in format `stoa.expert/1`: the content of its manifest blob, immutable.
///
/// `adapter` is null until the library has stored the files; `training`, `lineage` and `routing` are null when the
/// adapter came from elsewhere. Times are ISO-8601 UTC.
public record Manifest(
        String schema, String name, String version, List<String> domains, String tier, String pattern,
        String description, String license, Base base, AdapterPart adapter, Lineage lineage, Training training,
        Routing routing, List<Evidence> evidence, String createdAt, String codeVersion) {
    public static final String SCHEMA = "stoa.expert/1";

    /// The model it was trained on; `requiredBaseHash` is the only model it may be mounted on.
    public record Base(String baseHash, String requiredBaseHash, String tokenizerHash, String templateHash) {}

    /// The stored files and what they contain. `rank` and `scale` are those of the largest module.
    public record AdapterPart(
            List<StoredFile> files, String adapterHash, int rank, double alpha, double scale, List<String> targets,
            String dtype, long params) {
        public AdapterPart {
            files = files == null ? List.of() : List.copyOf(files);
            targets = targets == null ? List.of() : List.copyOf(targets);
        }

        public long bytes() {
            return files.stream().mapToLong(StoredFile::bytes).sum();
        }
    }

    public record StoredFile(String path, String sha256, long bytes) {}

    public record Lineage(List<Parent> parents, List<Ingredient> ingredients) {}

    /// `relation`: trained_from, repair_of, merged_from, flattened_from or distilled_from.
    public record Parent(String name, String version, String adapterHash, String relation) {}

    public record Ingredient(String kind, String hash, double share) {}

    public record Training(
            String runId, String recipeHash, List<String> datasetHashes, long seed, long steps, long tokens,
            double epochs, Map<String, Double> loss, String hardware, double wallS, long peakBytes) {}

    /// `centroids` is the hash of a blob.
    public record Routing(String label, List<String> keywords, String centroids, String probesHash) {}

    public Manifest {
        domains = domains == null ? List.of() : List.copyOf(domains);
        evidence = evidence == null ? List.of() : List.copyOf(evidence);
        List<String> issues = new ArrayList<>();
        if (!SCHEMA.equals(schema)) issues.add("schema is \"" + schema + "\", expected \"" + SCHEMA + '"');
        if (!Names.isName(name)) issues.add("name \"" + name + "\" is not usable as a name");
        if (!Names.isVersion(version)) issues.add("version \"" + version + "\" is not MAJOR.MINOR.PATCH");
        if (base == null || !Digest.isHash(base.baseHash())) issues.add("base.base_hash is missing or not a SHA-256");
        try {
            Instant.parse(String.valueOf(createdAt));
        } catch (DateTimeParseException wrong) {
            issues.add("created_at \"" + createdAt + "\" is not an ISO-8601 instant");
        }
        if (adapter != null) check(adapter, issues);
        if (!issues.isEmpty()) {
            throw Fault.of(ExpertsFault.MANIFEST_INVALID, "the manifest of %s@%s is not valid", name, version)
                    .issues(issues).exception();
        }
    }

    private static void check(AdapterPart adapter, List<String> issues) {
        if (!Digest.isHash(adapter.adapterHash())) issues.add("adapter.adapter_hash is missing or not a SHA-256");
        if (adapter.files().isEmpty()) issues.add("adapter.files is empty");
        for (StoredFile file : adapter.files()) {
            if (!AdapterFiles.isStorable(file.path())) issues.add("adapter file \"" + file.path() + "\" is refused");
            if (!Digest.isHash(file.sha256())) issues.add("adapter file " + file.path() + " has no SHA-256");
        }
    }

    /// A new version that only says who it is and what it stands on; the library adds the adapter.
    public static Manifest of(String name, String version, List<String> domains, Base base, String codeVersion) {
        return new Manifest(SCHEMA, name, version, domains, null, null, null, null, base, null, null, null, null,
                List.of(), Instant.now().toString(), codeVersion);
    }

    public Manifest withAdapter(AdapterPart part) {
        return new Manifest(schema, name, version, domains, tier, pattern, description, license, base, part, lineage,
                training, routing, evidence, createdAt, codeVersion);
    }

    /// The bytes that are stored and hashed.
    public byte[] toJson() {
        return Json.pretty(this);
    }

    /// Reads and validates; `where` names the source in errors.
    public static Manifest parse(byte[] json, Object where) {
        try {
            Manifest manifest = Json.MAPPER.readValue(json, Manifest.class);
            if (manifest != null) return manifest;
        } catch (JacksonException wrong) {
            if (wrong.getCause() instanceof FaultException fault) throw fault;
            throw Fault.of(ExpertsFault.MANIFEST_INVALID, "the manifest is not readable: %s",
                    wrong.getOriginalMessage())
                    .where(where).causedBy(wrong);
        }
        throw Fault.of(ExpertsFault.MANIFEST_INVALID, "the manifest is empty").where(where).exception();
    }
}
