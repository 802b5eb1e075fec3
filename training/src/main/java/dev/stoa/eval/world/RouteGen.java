// SPDX-License-Identifier: Apache-2.0
package dev.stoa.eval.world;

import dev.stoa.eval.SplitMix64;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;

/// The routing set: prompts of a few terms with one to three labels, drawn from known distributions, so that the best
/// possible router can be computed ([RoutePosterior]). Immutable and thread-safe.
///
/// A label's term is filler (40 %), one of the label's own twelve (Zipf .7), or, as often, one of six that it shares
/// with its siblings (groups of three); terms are independent given the labels.
public final class RouteGen {
    private static final double FILLER_SHARE = .4;
    private static final double AMBIGUITY = .5;
    private static final double ZIPF = .7;
    private static final int OWN_TERMS = 12;
    private static final int SHARED_TERMS = 6;
    private static final int SIBLINGS = 3;
    private static final double[] LABEL_COUNTS = {.65, .28, .07};
    private static final int MIN_TERMS = 2;
    private static final int MAX_TERMS = 5;

    /// Use of a row; a certificate is never computed on rows that chose a threshold.
    public enum Use {
        TRAIN(12_000), CALIBRATION(2_000), CERTIFICATE(2_000), TEST(2_000);

        private final int rows;

        Use(int rows) {
            this.rows = rows;
        }
    }

    /// A prompt with its terms and true labels (domain names).
    public record Row(String text, List<String> terms, List<String> labels) {}

    /// Texts that no expert should get.
    public enum OutOfDomain { OTHER_LANGUAGE, GIBBERISH, CHIT_CHAT, INVENTED_DOMAIN, INJECTION, EMPTY }

    private record Texts(List<String> filler, List<String> other_language, List<String> chit_chat,
            List<String> injection) {}

    private static final class Shipped {
        static final Texts TEXTS = Yaml.resource("routing.yaml", Texts.class);
    }

    private final long seed;
    private final boolean quarter;
    private final List<String> labels;
    private final List<String> terms;
    private final List<String> invented;
    private final double[][] termGivenLabel;

    private RouteGen(long seed, boolean quarter, List<String> labels, Map<String, List<String>> own,
            Map<String, List<String>> shared, List<String> filler, List<String> invented) {
        this.seed = seed;
        this.quarter = quarter;
        this.labels = List.copyOf(labels);
        this.invented = invented;
        Set<String> all = new LinkedHashSet<>(filler);
        for (String label : labels) {
            all.addAll(own.get(label));
            all.addAll(shared.get(label));
        }
        terms = List.copyOf(all);
        Map<String, Integer> index = new LinkedHashMap<>();
        for (String term : terms) index.put(term, index.size());
        termGivenLabel = new double[labels.size()][terms.size()];
        for (int c = 0; c < labels.size(); c++) {
            double[] row = termGivenLabel[c];
            for (String term : filler) row[index.get(term)] += FILLER_SHARE / filler.size();
            spread(row, index, own.get(labels.get(c)), (1 - FILLER_SHARE) * (1 - AMBIGUITY));
            spread(row, index, shared.get(labels.get(c)), (1 - FILLER_SHARE) * AMBIGUITY);
        }
    }

    private static void spread(double[] row, Map<String, Integer> index, List<String> terms, double mass) {
        double total = 0;
        for (int rank = 1; rank <= terms.size(); rank++) total += Math.pow(rank, -ZIPF);
        for (int rank = 1; rank <= terms.size(); rank++) {
            row[index.get(terms.get(rank - 1))] += mass * Math.pow(rank, -ZIPF) / total;
        }
    }

    /// The routing set of a world's domains; sizes `tiny` and `ci` have a quarter of the rows.
    public static RouteGen of(World world) {
        SplitMix64 random = SplitMix64.of(world.seed(), "route/terms");
        List<String> words = random.shuffled(inventedWords());
        int[] next = {0};
        Map<String, List<String>> own = new LinkedHashMap<>();
        for (Domain domain : world.domains()) {
            List<String> terms = new ArrayList<>(domain.keywords());
            while (terms.size() < OWN_TERMS) terms.add(words.get(next[0]++));
            own.put(domain.name(), terms);
        }
        List<Domain> bySibling = world.domains().stream().sorted(
                Comparator.comparing(Domain::intent).thenComparing(Domain::label).thenComparing(Domain::name)).toList();
        Map<String, List<String>> shared = new LinkedHashMap<>();
        for (int i = 0; i < bySibling.size(); i += SIBLINGS) {
            List<String> terms = words.subList(next[0], next[0] += SHARED_TERMS);
            int end = Math.min(i + SIBLINGS, bySibling.size());
            for (Domain domain : bySibling.subList(i, end)) shared.put(domain.name(), terms);
        }
        return new RouteGen(world.seed(), !world.size().fullMix(), List.copyOf(own.keySet()), own, shared,
                Shipped.TEXTS.filler(), words.subList(next[0], words.size()));
    }

    /// Three syllables, none of which begins a key or a value of the world.
    private static List<String> inventedWords() {
        List<String> words = new ArrayList<>();
        for (char first : "cwyq".toCharArray()) {
            for (char second : "lmnrst".toCharArray()) {
                for (char third : "bdgv".toCharArray()) {
                    for (String vowels : List.of("ai", "oa", "ue", "io", "eu", "ao", "ui", "ea", "iu")) {
                        words.add("" + first + vowels.charAt(0) + second + vowels.charAt(1) + third + "y");
                    }
                }
            }
        }
        return words.stream().distinct().toList();
    }

    public List<String> labels() {
        return labels;
    }

    public int rows(Use use) {
        return quarter ? use.rows / 4 : use.rows;
    }

    /// Row j of a use; more rows than [#rows] may be drawn.
    public Row row(Use use, long index) {
        SplitMix64 random = SplitMix64.of(seed, "route/" + use + "/" + index);
        int size = Math.min(labels.size(), 1 + random.weighted(LABEL_COUNTS));
        List<String> chosen = random.shuffled(labels).subList(0, size);
        int count = MIN_TERMS + random.below(MAX_TERMS - MIN_TERMS + 1);
        List<String> drawn = new ArrayList<>();
        for (int i = 0; i < count; i++) {
            drawn.add(terms.get(random.weighted(termGivenLabel[labels.indexOf(random.pick(chosen))])));
        }
        return new Row(String.join(" ", drawn), List.copyOf(drawn), List.copyOf(chosen));
    }

    /// What a router that knows the generator would say.
    public RoutePosterior posterior() {
        return new RoutePosterior(labels, terms, termGivenLabel, LABEL_COUNTS);
    }

    /// Text j of a family outside every domain.
    public String outOfDomain(OutOfDomain family, long index) {
        SplitMix64 random = SplitMix64.of(seed, "route/" + family + "/" + index);
        return switch (family) {
            case OTHER_LANGUAGE -> two(random, Shipped.TEXTS.other_language());
            case CHIT_CHAT -> two(random, Shipped.TEXTS.chit_chat());
            case INJECTION -> two(random, Shipped.TEXTS.injection());
            case INVENTED_DOMAIN -> "%s %s %s: run %s with %d".formatted(random.pick(Shipped.TEXTS.filler()),
                    random.pick(invented), random.pick(invented), random.pick(invented), random.below(99));
            case GIBBERISH -> {
                StringBuilder noise = new StringBuilder();
                int length = 8 + random.below(40);
                for (int i = 0; i < length; i++) {
                    noise.append((char) (random.chance(.15) ? ' ' : '!' + random.below(94)));
                }
                yield noise.toString();
            }
            case EMPTY -> " ".repeat(random.below(4));
        };
    }

    private static String two(SplitMix64 random, List<String> texts) {
        return random.chance(.4) ? random.pick(texts)
                : random.pick(texts) + ". " + random.pick(texts).toLowerCase(Locale.ROOT);
    }
}
