// SPDX-License-Identifier: Apache-2.0
package dev.stoa.gate;

import dev.stoa.ExpertsFault;
import dev.stoa.Fault;
import dev.stoa.library.Evidence;
import dev.stoa.library.ExpertRow;
import dev.stoa.library.ExpertVersion;
import dev.stoa.library.Library;
import dev.stoa.store.Digest;
import dev.stoa.store.Disk;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Collections;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.SortedMap;
import java.util.TreeMap;
import tools.jackson.core.JacksonException;

/// Which domains are served by an expert and which by the base alone: `serving_policy.json`, the router's no-harm
/// table. It is derived from the evidence in the library and never typed; the file carries a hash of its content, and
/// one that was edited by hand is refused and derived again. Immutable.
public record ServingPolicy(String baseHash, SortedMap<String, Domain> domains) {
    /// How a domain is served. `base_only` is routed for logging but mounts nothing; `untrained` has no evidence on
    /// this base.
    public enum Serve { EXPERT, BASE_ONLY, UNTRAINED }

    /// `uplift` and `ci` are null without a measurement; `evidence` is the blob hash of the report that decided.
    public record Domain(String serve, String expert, Double uplift, List<Double> ci, Integer n, String reason,
            String evidence) {
        public Domain {
            if (serve == null) throw new IllegalArgumentException("a domain is served by somebody");
            Serve.valueOf(serve.toUpperCase(Locale.ROOT)); // throws for any other word
        }

        public Serve how() {
            return Serve.valueOf(serve.toUpperCase(Locale.ROOT));
        }
    }

    /// One measurement of an expert on its domain; `red` when a regression guard failed.
    public record Finding(String runId, String expert, Uplift uplift, String evidence, boolean red) {}

    /// The file: the policy and the SHA-256 of its JSON.
    private record Content(String baseHash, SortedMap<String, Domain> domains, String sha256) {}

    private static final Domain UNTRAINED = new Domain("untrained", null, null, null, null, "no evidence on this base",
            null);

    public ServingPolicy {
        domains = Collections.unmodifiableSortedMap(new TreeMap<>(domains));
    }

    /// The policy that `findings` add up to, in the order of their run ids. Hysteresis: a domain becomes `expert` by a
    /// gain that meets the rule, and leaves it only by shown harm or a red guard, so noise cannot flap.
    public static ServingPolicy derive(String baseHash, Collection<String> domains, Collection<Finding> findings) {
        TreeMap<String, Domain> derived = new TreeMap<>();
        for (String domain : domains) derived.put(domain, UNTRAINED);
        findings.stream().sorted(Comparator.comparing(Finding::runId)).forEach(finding -> {
            Uplift uplift = finding.uplift();
            Domain now = derived.getOrDefault(uplift.domain(), UNTRAINED);
            Domain next = next(now, finding);
            if (next != null) derived.put(uplift.domain(), next);
        });
        return new ServingPolicy(baseHash, derived);
    }

    private static Domain next(Domain now, Finding finding) {
        Uplift uplift = finding.uplift();
        if (finding.red()) return domain("base_only", "regression", finding);
        return switch (uplift.outcome()) {
            case EXPERT -> domain("expert", "measured_gain", finding);
            case HARMFUL -> domain("base_only", uplift.outcome().id(), finding);
            case NO_MEASURED_GAIN ->
                    now.how() == Serve.EXPERT ? null : domain("base_only", uplift.outcome().id(), finding);
            case HELD -> null;
        };
    }

    private static Domain domain(String serve, String reason, Finding finding) {
        Uplift uplift = finding.uplift();
        return new Domain(serve, finding.expert(), uplift.gain(), List.of(uplift.low(), uplift.high()), uplift.n(),
                reason, finding.evidence());
    }

    /// Derives the policy from the `uplift` reports that the library's versions carry as evidence on this base.
    public static ServingPolicy derive(Library library, String baseHash, Collection<String> domains)
            throws IOException {
        List<Finding> findings = new ArrayList<>();
        for (ExpertRow row : library.list()) {
            if (row.problem() != null) continue;
            for (ExpertVersion version : library.versions(row.name())) {
                for (Evidence evidence : version.evidence()) {
                    if (!evidence.kind().equals(Evidence.UPLIFT)) continue;
                    GateReport report = GateReport.parse(library.blob(evidence.hash()), "evidence " + evidence.hash());
                    if (!baseHash.equals(report.baseHash())) continue;
                    Uplift uplift = report.report(Uplift.class);
                    findings.add(new Finding(report.runId(), row.name(), uplift, evidence.hash(), false));
                }
            }
        }
        return derive(baseHash, domains, findings);
    }

    /// Replaces the file atomically.
    public void write(Path file, Disk disk) throws IOException {
        disk.replace(file, GateJson.pretty(new Content(baseHash, domains, hash())));
    }

    /// Reads the file; empty when there is none. One whose content does not have its hash is a `FaultException`.
    public static Optional<ServingPolicy> read(Path file) throws IOException {
        try {
            Content content = GateJson.MAPPER.readValue(Files.readAllBytes(file), Content.class);
            if (content == null || content.domains() == null) {
                throw changed(file, "no domains", "a serving policy", null);
            }
            ServingPolicy policy = new ServingPolicy(content.baseHash(), content.domains());
            if (policy.hash().equals(content.sha256())) return Optional.of(policy);
            throw changed(file, "sha256 " + policy.hash(), "sha256 " + content.sha256(), null);
        } catch (NoSuchFileException absent) {
            return Optional.empty();
        } catch (JacksonException unreadable) {
            throw changed(file, unreadable.getMessage(), "a serving policy", unreadable);
        }
    }

    private static RuntimeException changed(Path file, String got, String expected, Throwable cause) {
        return Fault.of(ExpertsFault.SERVING_POLICY_CHANGED, "the serving policy was changed by hand or damaged")
                .where(file).got(got).expected(expected)
                .next("it is derived from evidence: publish or re-evaluate instead").causedBy(cause);
    }

    private String hash() {
        return Digest.of(GateJson.MAPPER.writeValueAsBytes(GateJson.tree(new Content(baseHash, domains, null))));
    }

    /// Whether an expert may be mounted for the domain; one that the policy does not know may not.
    public boolean mayMount(String domain) {
        Domain known = domains.get(domain);
        return known != null && known.how() == Serve.EXPERT;
    }
}
