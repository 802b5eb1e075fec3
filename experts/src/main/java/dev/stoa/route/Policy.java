// SPDX-License-Identifier: Apache-2.0
package dev.stoa.route;

import dev.stoa.route.head.Logits;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;

/// From probabilities to the mounted set: thresholds, no-harm table, base, relative floor, top-k, composition, weights.
/// A pure function of one router state and one request; everything it used is in the trace.
final class Policy {
    /// Log-odds added to a label of the previous turn, for sorting and the relative floor only.
    static final double STICKY = 0.4;
    private static final int TRACED = 8;

    private Policy() {}

    /// A label on its way through the steps.
    private static final class Candidate {
        final int index;
        final String label;
        final RoutedExpert expert;
        final double p;
        final double boosted;
        final double threshold;
        final double headLogit;
        String droppedBy;

        Candidate(int index, String label, RoutedExpert expert, double p, double boost, double threshold, double headLogit) {
            this.index = index;
            this.label = label;
            this.expert = expert;
            this.p = p;
            this.boosted = boost == 0 ? p : Logits.sigmoid(Logits.ofProbability(p) + boost);
            this.threshold = threshold;
            this.headLogit = headLogit;
        }

        LabelScore score(boolean kept) {
            return new LabelScore(label, expert == null ? null : expert.expertId(), p, threshold, headLogit, kept,
                    kept ? null : droppedBy);
        }
    }

    static RouteDecision decide(
            RouterState state, RouterModel model, RouterModel.Scores scores, RouteRequest request, Set<String> previous) {
        long start = System.nanoTime();
        RouteOptions options = request.options();
        List<Candidate> visible = visible(state, model, scores, request, previous);
        double tau = model.gate().tau();
        double baseP = scores.p()[state.labels().size()];
        RouteReason reason;
        List<Candidate> kept = new ArrayList<>();
        Map<String, String> pairs = new TreeMap<>();
        if (!(scores.abstain() >= tau)) {
            visible.forEach(candidate -> candidate.droppedBy = "abstain");
            reason = RouteReason.ABSTAIN_OOD;
        } else {
            boolean hidden = visible.size() < state.labels().size();
            reason = select(state, model, options, visible, baseP, kept, pairs);
            if (reason == RouteReason.NO_LABEL_OVER_THRESHOLD && hidden && overThreshold(state, model, scores, request)) {
                reason = RouteReason.NOT_PERMITTED;
            }
        }
        int[] parts = MixingWeights.of(kept.stream().mapToDouble(one -> one.p).toArray(), state.composition().weights());
        List<ActiveExpert> active = new ArrayList<>();
        List<RouteTrace.Member> set = new ArrayList<>();
        for (int i = 0; i < kept.size(); i++) {
            Candidate one = kept.get(i);
            int part = kept.size() == 1 ? MixingWeights.UNIT : parts[i];
            active.add(new ActiveExpert(one.expert.expertId(), one.expert.version(), one.expert.adapterHash(), one.label,
                    one.p, part / (double) MixingWeights.UNIT));
            set.add(new RouteTrace.Member(one.label, one.expert.expertId(), part));
        }
        List<LabelScore> domains = domains(visible, kept);
        var compose = options.compose() != null ? options.compose() : state.composition().composeFor(kept.size());
        RouteTrace trace = !options.explain() ? null : new RouteTrace(state.version(),
                model.source().id() + ":" + model.source().hash(), scores.windows(),
                new RouteTrace.Times(scores.featureUs(), scores.headUs(), (System.nanoTime() - start) / 1e3),
                new RouteTrace.Abstain(scores.abstain(), tau, model.gate().certificate().certified()),
                domains, baseP, options.topK(), model.relativeFloor(), options.breadth(), boosts(visible, previous), pairs,
                set, reason, sentence(kept, set, visible, model, reason));
        return new RouteDecision(state.version(), kept.isEmpty(), reason, active, compose, domains, trace);
    }

    /// Steps 3 to 8 on the labels the caller may see; fills `kept` and the pairs looked at.
    private static RouteReason select(RouterState state, RouterModel model, RouteOptions options, List<Candidate> visible,
            double baseP, List<Candidate> kept, Map<String, String> pairs) {
        List<Candidate> candidates = new ArrayList<>();
        double top = 0;
        boolean harmless = true;
        for (Candidate one : visible) {
            if (one.p < one.threshold) {
                one.droppedBy = "threshold";
                continue;
            }
            // A label that the base serves best still counts as the top: what is small beside it is not mounted.
            top = Math.max(top, one.boosted);
            if (one.expert == null || one.expert.standing() != RoutedExpert.Standing.SERVED) {
                one.droppedBy = "no_harm_table";
                harmless = false;
                continue;
            }
            candidates.add(one);
        }
        if (candidates.isEmpty()) return harmless ? RouteReason.NO_LABEL_OVER_THRESHOLD : RouteReason.NO_HARM_TABLE;
        double best = candidates.stream().mapToDouble(one -> one.p).max().orElse(0);
        if (baseP > best) {
            candidates.forEach(one -> one.droppedBy = "base_label");
            return RouteReason.BASE_LABEL;
        }
        double floor = model.relativeFloor() * top;
        candidates.removeIf(one -> {
            if (one.boosted < floor) one.droppedBy = "relative_floor";
            return one.boosted < floor;
        });
        candidates.sort(Comparator.<Candidate>comparingDouble(one -> -one.boosted).thenComparingInt(one -> one.index));
        boolean open = true;
        for (Candidate one : candidates) {
            if (kept.size() == options.topK()) one.droppedBy = "top_k";
            else if (open && joins(state, options.breadth(), kept, one, pairs)) kept.add(one);
            else {
                open = false;
                if (one.droppedBy == null) one.droppedBy = "after_" + options.breadth().name().toLowerCase(Locale.ROOT);
            }
        }
        return kept.isEmpty() ? RouteReason.NO_HARM_TABLE : RouteReason.ROUTED;
    }

    private static boolean joins(RouterState state, RouteOptions.Breadth breadth, List<Candidate> kept, Candidate one,
            Map<String, String> pairs) {
        if (kept.isEmpty()) return true;
        return switch (breadth) {
            case ALL -> true;
            case SINGLE -> false;
            case AUTO -> {
                boolean allowed = true;
                for (Candidate other : kept) {
                    String status = state.composition().status(other.label, one.label);
                    pairs.put(CompositionTable.key(other.label, one.label), status);
                    if (status.equals("allowed")) continue;
                    allowed = false;
                    one.droppedBy = status;
                }
                yield allowed;
            }
        };
    }

    /// The labels whose expert the tenant may use or that have none, by falling probability.
    private static List<Candidate> visible(
            RouterState state, RouterModel model, RouterModel.Scores scores, RouteRequest request, Set<String> previous) {
        List<Candidate> list = new ArrayList<>();
        for (int c = 0; c < state.labels().size(); c++) {
            String label = state.labels().get(c);
            RoutedExpert expert = state.roster().get(label);
            if (expert != null && !expert.permits(request.tenant())) continue;
            list.add(new Candidate(c, label, expert, scores.p()[c], previous.contains(label) ? STICKY : 0,
                    threshold(model, request.options(), c), scores.headLogit()[c]));
        }
        list.sort(Comparator.<Candidate>comparingDouble(one -> -one.p).thenComparingInt(one -> one.index));
        return list;
    }

    private static double threshold(RouterModel model, RouteOptions options, int label) {
        return options.threshold() != null ? options.threshold() : model.thresholds()[label];
    }

    /// Whether a label that the caller may not use would have been a candidate.
    private static boolean overThreshold(RouterState state, RouterModel model, RouterModel.Scores scores, RouteRequest request) {
        for (int c = 0; c < state.labels().size(); c++) {
            RoutedExpert expert = state.roster().get(state.labels().get(c));
            if (expert != null && !expert.permits(request.tenant())
                    && scores.p()[c] >= threshold(model, request.options(), c)) return true;
        }
        return false;
    }

    /// The likeliest eight, and every label that came as far as being a candidate.
    private static List<LabelScore> domains(List<Candidate> visible, List<Candidate> kept) {
        Set<Candidate> mounted = new HashSet<>(kept);
        List<LabelScore> domains = new ArrayList<>();
        for (Candidate one : visible) {
            if (domains.size() < TRACED || one.p >= one.threshold) domains.add(one.score(mounted.contains(one)));
        }
        return domains;
    }

    private static Map<String, Double> boosts(List<Candidate> visible, Set<String> previous) {
        Map<String, Double> boosts = new TreeMap<>();
        for (Candidate one : visible) if (previous.contains(one.label)) boosts.put(one.label, STICKY);
        return boosts;
    }

    private static String sentence(List<Candidate> kept, List<RouteTrace.Member> set, List<Candidate> visible,
            RouterModel model, RouteReason reason) {
        StringBuilder line = new StringBuilder();
        if (kept.isEmpty()) line.append("base answers: ").append(reason.id());
        for (int i = 0; i < kept.size(); i++) {
            if (i > 0) line.append(i == kept.size() - 1 ? " and " : ", ");
            line.append(String.format(Locale.ROOT, "%s (%.2f)", kept.get(i).label, kept.get(i).p));
        }
        if (!kept.isEmpty()) {
            line.append(" mounted ");
            for (int i = 0; i < set.size(); i++) line.append(i == 0 ? "" : ":").append(set.get(i).sixtyFourths());
            line.append("/64");
        }
        for (Candidate one : visible) {
            if (one.droppedBy == null || one.p < one.threshold || one.droppedBy.equals("abstain")) continue;
            String why = one.droppedBy.equals("relative_floor")
                    ? String.format(Locale.ROOT, "below %.2f × top", model.relativeFloor())
                    : one.droppedBy;
            line.append("; ").append(one.label).append(" dropped: ").append(why);
        }
        return line.toString();
    }
}
