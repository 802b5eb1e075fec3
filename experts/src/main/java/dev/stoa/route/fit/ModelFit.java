// SPDX-License-Identifier: Apache-2.0
package dev.stoa.route.fit;

import dev.stoa.route.ActiveExpert;
import dev.stoa.route.CompositionTable;
import dev.stoa.route.RouteDecision;
import dev.stoa.route.RouteOptions;
import dev.stoa.route.RouteRequest;
import dev.stoa.route.RouterModel;
import dev.stoa.route.RouterState;
import dev.stoa.route.feature.FeatureSource;
import dev.stoa.route.feature.WordSplitter;
import dev.stoa.route.head.AbstainGate;
import dev.stoa.route.head.Calibration;
import dev.stoa.route.head.Certificate;
import dev.stoa.route.head.Columns;
import dev.stoa.route.head.Head;
import dev.stoa.route.head.Logistic;
import dev.stoa.route.head.Logits;
import dev.stoa.route.head.RouteInput;
import dev.stoa.route.head.WordHead;
import dev.stoa.template.Message;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.SplittableRandom;

/// Fits one model over one feature source: heads, their choice, calibration, abstain gate, thresholds, certificate.
final class ModelFit {
    private static final int NEIGHBORS = 512;
    private static final int OUTSIDERS = 10;
    private static final Certificate NONE = new Certificate(false, 0, 0, 0, 0, 1, 0, 0, 1, 0);

    record Result(RouterModel model, FitReport report) {}

    /// A row with its features computed once.
    private record Sample(RouteRow row, RouteInput input, boolean[] target, int[] members) {}

    private final List<String> labels;
    private final FeatureSource source;
    private final RouterFit.Options options;
    private final Map<RouteRow.Split, List<Sample>> samples = new LinkedHashMap<>();
    private final Map<String, Double> seconds = new LinkedHashMap<>();
    private long phaseStart = System.nanoTime();

    private ModelFit(List<String> labels, FeatureSource source, RouterFit.Options options) {
        this.labels = labels;
        this.source = source;
        this.options = options;
    }

    static Result fit(List<String> labels, List<RouteRow> rows, FeatureSource source, RouterFit.Options options) {
        return new ModelFit(labels, source, options).run(rows);
    }

    private Result run(List<RouteRow> rows) {
        for (RouteRow.Split split : RouteRow.Split.values()) samples.put(split, new ArrayList<>());
        for (RouteRow row : rows) samples.get(row.split()).add(sample(row));
        phase("features");

        List<Sample> train = samples.get(RouteRow.Split.TRAIN);
        List<Sample> calibration = samples.get(RouteRow.Split.CALIBRATION);
        WordHead words = WordHeadFit.fit(train.stream().map(sample -> sample.input().words()).toList(),
                train.stream().map(Sample::members).toArray(int[][]::new), labels.size());
        phase("words");
        List<Head> candidates = new ArrayList<>(List.of(words));
        candidates.addAll(featureHeads(train));
        phase("heads");

        Map<String, Double> losses = new LinkedHashMap<>();
        boolean[][] targets = calibration.stream().map(Sample::target).toArray(boolean[][]::new);
        List<Head> heads = choose(candidates, calibration, targets, losses);
        double[][][] odds = odds(heads, calibration);
        Calibration platt = CalibrationFit.fit(odds, targets);
        phase("calibration");

        double[] thresholds = new double[labels.size()];
        Arrays.fill(thresholds, RouterModel.THRESHOLD);
        RouterModel model = new RouterModel(source, heads, words, platt, thresholds, RouterModel.RELATIVE_FLOOR, gate(train));
        model = withGateWeights(model, calibration);
        List<RouterModel.Scores> scores = scores(model, calibration);
        model = ThresholdFit.fit(model, scores.stream().map(RouterModel.Scores::p).toArray(double[][]::new), targets);
        model = certify(model, scores);
        phase("certificate");
        return new Result(model, report(model, losses));
    }

    private Sample sample(RouteRow row) {
        boolean[] target = new boolean[labels.size() + 1];
        int[] members = row.labels().stream().mapToInt(labels::indexOf).sorted().toArray();
        for (int label : members) target[label] = true;
        target[labels.size()] = members.length == 0;
        return new Sample(row, new RouteInput(source.embed(row.text()), WordSplitter.words(row.text().user())), target, members);
    }

    private void phase(String name) {
        long now = System.nanoTime();
        seconds.put(name, (now - phaseStart) / 1e9);
        phaseStart = now;
    }

    /// Every window of a row is a training example of its own.
    private List<Head> featureHeads(List<Sample> train) {
        List<float[]> x = new ArrayList<>();
        List<boolean[]> y = new ArrayList<>();
        for (Sample sample : train) {
            for (float[] window : sample.input().windows()) {
                x.add(window);
                y.add(sample.target());
            }
        }
        float[][] features = x.toArray(float[][]::new);
        boolean[][] targets = y.toArray(boolean[][]::new);
        List<Head> heads = new ArrayList<>();
        for (HeadTrainer.Loss loss : HeadTrainer.Loss.values()) {
            heads.add(HeadTrainer.fit(HeadTrainer.Settings.linear(loss, options.seed()), features, targets));
        }
        if (options.mlp()) {
            heads.add(HeadTrainer.fit(HeadTrainer.Settings.mlp(HeadTrainer.Loss.SIGMOID, options.seed()), features, targets));
        }
        return heads;
    }

    /// The head with the lowest cross-validated log-loss; the words stacked with the best feature head when that is
    /// better beyond its 95 % interval.
    private static List<Head> choose(List<Head> candidates, List<Sample> rows, boolean[][] targets, Map<String, Double> losses) {
        double[][] perRow = new double[candidates.size()][];
        int best = 0;
        int bestFeature = 1;
        for (int k = 0; k < candidates.size(); k++) {
            perRow[k] = CalibrationFit.crossValidated(odds(List.of(candidates.get(k)), rows), targets);
            losses.put(candidates.get(k).name(), mean(perRow[k]));
            if (mean(perRow[k]) < mean(perRow[best])) best = k;
            if (k > 0 && mean(perRow[k]) < mean(perRow[bestFeature])) bestFeature = k;
        }
        List<Head> stack = List.of(candidates.getFirst(), candidates.get(bestFeature));
        double[] stacked = CalibrationFit.crossValidated(odds(stack, rows), targets);
        losses.put("stack", mean(stacked));
        double[] gain = new double[stacked.length];
        for (int i = 0; i < gain.length; i++) gain[i] = perRow[best][i] - stacked[i];
        double variance = 0;
        for (double g : gain) variance += (g - mean(gain)) * (g - mean(gain)) / Math.max(1, gain.length - 1);
        boolean better = mean(gain) > 1.96 * Math.sqrt(variance / gain.length);
        return better ? stack : List.of(candidates.get(best));
    }

    private static double[][][] odds(List<Head> heads, List<Sample> rows) {
        double[][][] odds = new double[heads.size()][rows.size()][];
        for (int k = 0; k < heads.size(); k++) {
            for (int i = 0; i < rows.size(); i++) odds[k][i] = heads.get(k).logOdds(rows.get(i).input());
        }
        return odds;
    }

    private static double mean(double[] values) {
        return Arrays.stream(values).average().orElse(0);
    }

    /// Label centroids and a fixed random sample of in-domain training rows.
    private AbstainGate gate(List<Sample> train) {
        float[][] centroids = new float[source.dim()][labels.size()];
        List<float[]> vectors = new ArrayList<>();
        for (Sample sample : train) {
            float[] mean = AbstainGate.headAndTail(sample.input().windows());
            if (mean == null || sample.members().length == 0) continue;
            vectors.add(mean);
            for (int label : sample.members()) for (int d = 0; d < mean.length; d++) centroids[d][label] += mean[d];
        }
        for (int c = 0; c < labels.size(); c++) {
            double square = 0;
            for (float[] column : centroids) square += (double) column[c] * column[c];
            float scale = square == 0 ? 0 : (float) (1 / Math.sqrt(square));
            for (float[] column : centroids) column[c] *= scale;
        }
        SplittableRandom random = new SplittableRandom(options.seed());
        int count = Math.min(NEIGHBORS, vectors.size());
        for (int i = 0; i < count; i++) {
            int j = i + random.nextInt(vectors.size() - i);
            float[] swap = vectors.get(i);
            vectors.set(i, vectors.get(j));
            vectors.set(j, swap);
        }
        float[][] neighbors = new float[source.dim()][count];
        for (int i = 0; i < count; i++) for (int d = 0; d < neighbors.length; d++) neighbors[d][i] = vectors.get(i)[d];
        return new AbstainGate(new Columns(centroids, labels.size()), new Columns(neighbors, count),
                new double[] {1, 0, 0, 0, 0}, Double.NEGATIVE_INFINITY, NONE);
    }

    /// Null for a row without words.
    private static List<RouterModel.Scores> scores(RouterModel model, List<Sample> rows) {
        List<RouterModel.Scores> scores = new ArrayList<>();
        for (Sample sample : rows) scores.add(model.score(sample.input(), 0));
        return scores;
    }

    /// Without out-of-domain calibration rows the joint energy alone is the score.
    private RouterModel withGateWeights(RouterModel model, List<Sample> calibration) {
        double[][] x = new double[calibration.size()][];
        boolean[] inside = new boolean[x.length];
        int outside = 0;
        for (int i = 0; i < x.length; i++) {
            Sample sample = calibration.get(i);
            double[] z = model.calibration().apply(CalibrationFit.pick(odds(model.heads(), List.of(sample)), 0));
            x[i] = model.gate().inputs(sample.input(), z, model.words().known(sample.input().words()));
            inside[i] = sample.members().length > 0;
            if (!inside[i]) outside++;
        }
        if (outside < OUTSIDERS) return model;
        double[] weights = Logistic.fit(x, inside, new double[AbstainGate.INPUTS + 1], 1e-2);
        return model.withGate(model.gate().with(weights, Double.NEGATIVE_INFINITY, NONE));
    }

    /// The decision the served router would take with every label mounted.
    private RouteDecision decide(RouterModel model, Sample sample, RouterModel.Scores scores) {
        RouterState state = new RouterState(1, labels, model, null, RouterFit.everyLabel(labels), CompositionTable.UNMEASURED);
        RouteOptions all = RouteOptions.DEFAULT.withBreadth(RouteOptions.Breadth.ALL);
        RouteRequest request = new RouteRequest("fit", null, List.of(new Message("user", "")), all);
        return state.decide(model, sample.input().words().isEmpty() ? null : scores, request, Set.of());
    }

    /// The threshold of the abstain score: certified where possible, else tuned on the calibration split.
    private RouterModel certify(RouterModel model, List<RouterModel.Scores> calibration) {
        List<Sample> split = samples.get(RouteRow.Split.CERTIFICATE);
        List<RouterModel.Scores> scores = scores(model, split);
        Certifier.Row[] rows = new Certifier.Row[split.size()];
        for (int i = 0; i < rows.length; i++) {
            boolean outside = split.get(i).members().length == 0;
            boolean mounts = !decide(model, split.get(i), scores.get(i)).fallback();
            rows[i] = new Certifier.Row(scores.get(i).abstain(), mounts, outside, outside);
        }
        Certifier.Choice choice = Certifier.choose(rows, options.alpha(), options.delta());
        double tau = choice.certificate().certified() ? choice.tau() : tuned(calibration);
        return model.withGate(model.gate().with(model.gate().weights(), tau, choice.certificate()));
    }

    /// Lets alpha of the out-of-domain calibration rows through; without such rows, all but 1 % of the others.
    private double tuned(List<RouterModel.Scores> scores) {
        List<Sample> calibration = samples.get(RouteRow.Split.CALIBRATION);
        List<Double> outside = new ArrayList<>();
        List<Double> inside = new ArrayList<>();
        for (int i = 0; i < scores.size(); i++) {
            (calibration.get(i).members().length == 0 ? outside : inside).add(scores.get(i).abstain());
        }
        outside.sort(null);
        inside.sort(null);
        if (outside.size() < OUTSIDERS) return inside.get(inside.size() / 100);
        return outside.get((int) Math.min(outside.size() - 1L, Math.round(Math.ceil(outside.size() * (1 - options.alpha())))));
    }

    private FitReport report(RouterModel model, Map<String, Double> losses) {
        List<Sample> test = samples.get(RouteRow.Split.TEST);
        List<Sample> judged = test.isEmpty() ? samples.get(RouteRow.Split.CALIBRATION) : test;
        List<RouterModel.Scores> scores = scores(model, judged);
        double[][] p = scores.stream().map(RouterModel.Scores::p).toArray(double[][]::new);
        double[][] raw = new double[p.length][];
        double[] abstain = new double[p.length];
        boolean[] inside = new boolean[p.length];
        RouteScores.Tally tally = new RouteScores.Tally();
        for (int i = 0; i < p.length; i++) {
            raw[i] = Arrays.stream(scores.get(i).headLogit()).map(Logits::sigmoid).toArray();
            abstain[i] = scores.get(i).abstain();
            inside[i] = judged.get(i).members().length > 0;
            List<String> mounted = decide(model, judged.get(i), scores.get(i)).active().stream().map(ActiveExpert::label).toList();
            tally.add(judged.get(i).row().labels(), ranking(p[i]), mounted);
        }
        boolean[][] targets = judged.stream().map(Sample::target).toArray(boolean[][]::new);
        phase("report");
        return new FitReport(source.id() + ":" + source.hash(), losses, model.heads().stream().map(Head::name).toList(),
                model.thresholds()[0], model.relativeFloor(), Reliability.ece(p, targets), Reliability.ece(raw, targets),
                Reliability.brier(p, targets), model.gate().certificate(), Reliability.auroc(abstain, inside),
                tally.scores(source.id()), seconds);
    }

    private List<String> ranking(double[] p) {
        Integer[] order = new Integer[labels.size()];
        for (int c = 0; c < order.length; c++) order[c] = c;
        Arrays.sort(order, (a, b) -> p[a] == p[b] ? a - b : Double.compare(p[b], p[a]));
        return Arrays.stream(order).limit(3).map(labels::get).toList();
    }
}
