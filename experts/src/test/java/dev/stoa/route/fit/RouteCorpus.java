// SPDX-License-Identifier: Apache-2.0
package dev.stoa.route.fit;

import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.SplittableRandom;
import java.util.TreeMap;

/// A small routing set whose exact posterior is known: labels with 12 own terms (Zipf .7), half of the non-filler mass
/// on 6 terms shared by three siblings, 40 % filler, 2 to 5 terms a text, 1 to 3 labels.
final class RouteCorpus {
    final List<String> labels = new ArrayList<>();
    final Map<String, Set<String>> keywords = new TreeMap<>();
    private final List<Map<String, Double>> terms = new ArrayList<>(); // label -> term -> probability
    private final List<List<String>> termList = new ArrayList<>();
    private final SplittableRandom random;

    RouteCorpus(int count, long seed) {
        random = new SplittableRandom(seed);
        for (int c = 0; c < count; c++) {
            labels.add("label" + (char) ('a' + c / 10) + c % 10);
            Map<String, Double> own = new LinkedHashMap<>();
            double total = 0;
            for (int t = 1; t <= 12; t++) total += Math.pow(t, -0.7);
            for (int t = 1; t <= 12; t++) own.put(word("own", c * 100 + t), 0.6 * 0.5 * Math.pow(t, -0.7) / total);
            keywords.put(labels.get(c), new HashSet<>(own.keySet()));
            for (int t = 0; t < 6; t++) own.put(word("group", c / 3 * 100 + t), 0.6 * 0.5 / 6);
            for (int t = 0; t < 100; t++) own.put(word("fill", t), 0.4 / 100);
            terms.add(own);
            termList.add(List.copyOf(own.keySet()));
        }
    }

    /// An invented word, the same for the same arguments.
    private static String word(String kind, int n) {
        SplittableRandom letters = new SplittableRandom(kind.hashCode() * 1_000_003L + n);
        StringBuilder word = new StringBuilder();
        for (int i = 0; i < 3; i++) {
            word.append("bdfgklmnprstvz".charAt(letters.nextInt(14))).append("aeiou".charAt(letters.nextInt(5)));
        }
        return word.toString() + (char) ('a' + n % 26);
    }

    List<RouteRow> rows(RouteRow.Split split, int n, double outside) {
        List<RouteRow> rows = new ArrayList<>();
        for (int i = 0; i < n; i++) rows.add(random.nextDouble() < outside ? outsider(split) : row(split));
        return rows;
    }

    private RouteRow row(RouteRow.Split split) {
        double draw = random.nextDouble();
        int size = draw < 0.65 ? 1 : draw < 0.93 ? 2 : 3;
        List<Integer> members = new ArrayList<>(new LinkedHashSet<>(drawMembers(size)));
        StringBuilder text = new StringBuilder();
        int count = 2 + random.nextInt(4);
        for (int t = 0; t < count; t++) {
            int label = members.get(random.nextInt(members.size()));
            text.append(t == 0 ? "" : " ").append(draw(label));
        }
        Set<String> names = new HashSet<>();
        for (int member : members) names.add(labels.get(member));
        return RouteRow.of(text.toString(), names, split);
    }

    private Set<Integer> drawMembers(int size) {
        Set<Integer> members = new LinkedHashSet<>();
        while (members.size() < Math.min(size, labels.size())) members.add(random.nextInt(labels.size()));
        return members;
    }

    private String draw(int label) {
        double u = random.nextDouble();
        for (String term : termList.get(label)) {
            u -= terms.get(label).get(term);
            if (u < 0) return term;
        }
        return termList.get(label).getLast();
    }

    /// Unknown words with some filler.
    RouteRow outsider(RouteRow.Split split) {
        StringBuilder text = new StringBuilder();
        int count = 2 + random.nextInt(4);
        for (int t = 0; t < count; t++) {
            String word = t > 0 && random.nextDouble() < 0.2
                    ? word("fill", random.nextInt(100))
                    : word("alien" + random.nextInt(4000), random.nextInt(26));
            text.append(t == 0 ? "" : " ").append(word);
        }
        return RouteRow.of(text.toString(), Set.of(), split);
    }

    /// The exact posterior over sets, hence the best any ranking and any set choice can do.
    RouteScores bayes(List<RouteRow> test) {
        RouteScores.Tally tally = new RouteScores.Tally();
        for (RouteRow row : test) {
            if (row.labels().isEmpty()) continue;
            Map<Set<Integer>, Double> posterior = posterior(row.text().user().split(" "));
            double[] marginal = new double[labels.size()];
            posterior.forEach((set, p) -> set.forEach(c -> marginal[c] += p));
            List<Integer> order = new ArrayList<>();
            for (int c = 0; c < marginal.length; c++) order.add(c);
            order.sort((a, b) -> Double.compare(marginal[b], marginal[a]));
            List<Integer> best = List.of();
            double bestF1 = -1;
            for (int k = 1; k <= 4; k++) {
                List<Integer> tried = order.subList(0, k);
                double expected = 0;
                for (var entry : posterior.entrySet()) {
                    long both = tried.stream().filter(entry.getKey()::contains).count();
                    expected += entry.getValue() * 2 * both / (k + entry.getKey().size());
                }
                if (expected <= bestF1) continue;
                bestF1 = expected;
                best = tried;
            }
            tally.add(row.labels(), order.stream().limit(3).map(labels::get).toList(), best.stream().map(labels::get).toList());
        }
        return tally.scores("bayes");
    }

    double[] marginals(String[] words) {
        double[] marginal = new double[labels.size()];
        posterior(words).forEach((set, p) -> set.forEach(c -> marginal[c] += p));
        return marginal;
    }

    private Map<Set<Integer>, Double> posterior(String[] words) {
        int n = labels.size();
        Map<Set<Integer>, Double> posterior = new LinkedHashMap<>();
        double total = 0;
        for (int a = 0; a < n; a++) {
            total += put(posterior, words, 0.65 / n, a);
            for (int b = a + 1; b < n; b++) {
                total += put(posterior, words, 0.28 / (n * (n - 1) / 2.0), a, b);
                for (int c = b + 1; c < n; c++) total += put(posterior, words, 0.07 / (n * (n - 1) * (n - 2) / 6.0), a, b, c);
            }
        }
        double sum = total;
        posterior.replaceAll((set, p) -> p / sum);
        return posterior;
    }

    private double put(Map<Set<Integer>, Double> posterior, String[] words, double prior, int... members) {
        double p = prior;
        for (String word : words) {
            double mean = 0;
            for (int c : members) mean += terms.get(c).getOrDefault(word, 0.0) / members.length;
            p *= mean;
        }
        if (p == 0) return 0;
        Set<Integer> set = new LinkedHashSet<>();
        for (int c : members) set.add(c);
        posterior.put(set, p);
        return p;
    }
}
