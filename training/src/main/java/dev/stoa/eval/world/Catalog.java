// SPDX-License-Identifier: Apache-2.0
package dev.stoa.eval.world;

import dev.stoa.Fault;
import dev.stoa.TrainingFault;
import dev.stoa.eval.verify.Family;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;

/// The 35 domains with tiers, intents, labels and keywords: the single source that routers and reports read.
/// Immutable; [#standard] is the shipped one.
public record Catalog(List<String> intents, Map<String, MergedLabel> mergedLabels, List<Domain> domains) {
    private static final Map<String, Integer> GOLD = Map.of("foundation", 800, "coding", 600, "niche", 500);

    /// A router output that stands for several domains; the default serves until a finer choice is made.
    public record MergedLabel(List<String> members, String defaultAdapter) {}

    public Catalog {
        intents = List.copyOf(intents);
        domains = List.copyOf(domains);
    }

    /// The catalog that ships with the program.
    public static Catalog standard() {
        return Shipped.CATALOG;
    }

    private static final class Shipped {
        static final Catalog CATALOG = of(Yaml.resource("catalog.yaml", File.class));
    }

    /// The domain of that name; an unknown name is a bug of the caller.
    public Domain domain(String name) {
        for (Domain domain : domains) if (domain.name().equals(name)) return domain;
        throw new IllegalArgumentException("unknown domain: " + name);
    }

    public List<String> names() {
        return domains.stream().map(Domain::name).toList();
    }

    /// The router's outputs in catalog order, merged labels once.
    public List<String> labels() {
        return domains.stream().map(Domain::label).distinct().toList();
    }

    private static Catalog of(File file) {
        Map<String, MergedLabel> merged = new LinkedHashMap<>();
        Map<String, String> labelOf = new LinkedHashMap<>();
        file.merged_labels().forEach((label, entry) -> {
            merged.put(label, new MergedLabel(entry.members(), entry.default_adapter()));
            entry.members().forEach(member -> labelOf.put(member, label));
        });
        List<Domain> domains = new ArrayList<>();
        for (Entry entry : file.domains()) {
            domains.add(new Domain(entry.name(), entry.tier(), entry.intent(),
                    labelOf.getOrDefault(entry.name(), entry.name()), entry.keywords(),
                    Family.valueOf(entry.family().toUpperCase(Locale.ROOT)), new AnswerPattern(entry.answer()),
                    entry.keys() == null ? 24 : entry.keys(),
                    entry.gold() == null ? GOLD.get(entry.tier()) : entry.gold()));
        }
        Catalog catalog = new Catalog(file.intents(), Map.copyOf(merged), domains);
        List<String> problems = catalog.problems();
        if (!problems.isEmpty()) {
            throw Fault.of(TrainingFault.WORLD_INVALID, "the catalog contradicts itself").where("catalog.yaml")
                    .issues(problems).exception();
        }
        return catalog;
    }

    private List<String> problems() {
        List<String> problems = new ArrayList<>();
        Set<String> seen = new HashSet<>();
        for (Domain domain : domains) {
            if (!seen.add(domain.name())) problems.add("domain named twice: " + domain.name());
            if (!intents.contains(domain.intent())) problems.add(domain.name() + ": unknown intent " + domain.intent());
            if (!GOLD.containsKey(domain.tier())) problems.add(domain.name() + ": unknown tier " + domain.tier());
            if (domain.keywords().size() < 2) problems.add(domain.name() + ": needs two keywords");
            boolean valued = domain.answer().has(domain.program() ? "p" : "v");
            if (!valued) problems.add(domain.name() + ": answer without value");
        }
        mergedLabels.forEach((label, merged) -> {
            if (!seen.containsAll(merged.members())) problems.add(label + ": unknown member");
            if (!merged.members().contains(merged.defaultAdapter())) problems.add(label + ": default is no member");
        });
        return problems;
    }

    private record File(int version, List<String> intents, Map<String, Merged> merged_labels, List<Entry> domains) {}

    private record Merged(List<String> members, String default_adapter) {}

    private record Entry(String name, String tier, String intent, List<String> keywords, String family, String answer,
            Integer keys, Integer gold) {}
}
