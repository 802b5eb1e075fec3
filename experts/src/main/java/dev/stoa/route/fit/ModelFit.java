// SPDX-License-Identifier: Apache-2.0
package dev.stoa.route.fit;

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
import java.util.function.Function;

/// Fits one model over one feature source: heads, their choice, calibration, abstain gate, thresholds, certificate.
final class ModelFit {
    private static final int NEIGHBORS = 1_000;
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
        model = ThresholdFit.fit(model, calibration.stream().map(probabilities(model)).toArray(double[][]::new), targets);
        model = certify(model);
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

    private double[] z(RouterModel model, Sample sample) {
        double[][] odds = new double[model.heads().size()][];
        for (int k = 0; k < odds.length; k++) odds[k] = model.heads().get(k).logOdds(sample.input());
        return model.calibration().apply(odds);
    }

    private Function<Sample, double[]> probabilities(RouterModel model) {
        return sample -> Arrays.stream(z(model, sample)).map(Logits::sigmoid).toArray();
    }

    private double abstain(RouterModel model, Sample sample) {
        return model.gate().score(sample.input(), z(model, sample), model.words().known(sample.input().words()));
    }

    /// Without out-of-domain calibration rows the joint energy alone is the score.
    private RouterModel withGateWeights(RouterModel model, List<Sample> calibration) {
        double[][] x = new double[calibration.size()][];
        boolean[] inside = new boolean[x.length];
        int outside = 0;
        for (int i = 0; i < x.length; i++) {
            Sample sample = calibration.get(i);
            x[i] = model.gate().inputs(sample.input(), z(model, sample), model.words().known(sample.input().words()));
            inside[i] = sample.members().length > 0;
            if (!inside[i]) outside++;
        }
        if (outside < 10) return model;
        double[] weights = Logistic.fit(x, inside, new double[AbstainGate.INPUTS + 1], 1e-2);
        return withGate(model, model.gate().with(weights, Double.NEGATIVE_INFINITY, NONE));
    }

    private static RouterModel withGate(RouterModel model, AbstainGate gate) {
        return new RouterModel(model.source(), model.heads(), model.words(), model.calibration(), model.thresholds(),
                model.relativeFloor(), gate);
    }

    private RouterState state(RouterModel model) {
        return new RouterState(1, labels, model, null, RouterFit.everyLabel(labels), CompositionTable.UNMEASURED);
    }

    private static RouteDecision decide(RouterState state, RouteRow row) {
        List<Message> messages = new ArrayList<>(row.text().before());
        messages.add(new Message("user", row.text().user()));
        RouteOptions all = RouteOptions.DEFAULT.withBreadth(RouteOptions.Breadth.ALL);
        return state.decide(state.model(), new RouteRequest("fit", null, messages, all), Set.of());
    }

    /// The threshold of the abstain score: certified where possible, else tuned on the calibration split.
    private RouterModel certify(RouterModel model) {
        RouterState open = state(model);
        List<Sample> split = samples.get(RouteRow.Split.CERTIFICATE);
        Certifier.Row[] rows = new Certifier.Row[split.size()];
        for (int i = 0; i < rows.length; i++) {
            Sample sample = split.get(i);
            boolean outside = sample.members().length == 0;
            rows[i] = new Certifier.Row(abstain(model, sample), !decide(open, sample.row()).fallback(), outside, outside);
        }
        Certifier.Choice choice = Certifier.choose(rows, options.alpha(), options.delta());
        double tau = choice.certificate().certified() ? choice.tau() : tuned(model);
        return withGate(model, model.gate().with(model.gate().weights(), tau, choice.certificate()));
    }

    /// Lets alpha of the out-of-domain calibration rows through; without such rows, all but 1 % of the others.
    private double tuned(RouterModel model) {
        List<Sample> calibration = samples.get(RouteRow.Split.CALIBRATION);
        double[] outside = calibration.stream().filter(sample -> sample.members().length == 0)
                .mapToDouble(sample -> abstain(model, sample)).sorted().toArray();
        if (outside.length >= 10) return outside[(int) Math.min(outside.length - 1, Math.ceil(outside.length * (1 - options.alpha())))];
        double[] inside = calibration.stream().mapToDouble(sample -> abstain(model, sample)).sorted().toArray();
        return inside[inside.length / 100];
    }

    private FitReport report(RouterModel model, Map<String, Double> losses) {
        List<Sample> test = samples.get(RouteRow.Split.TEST);
        RouterState state = state(model);
        RouteScores.Tally tally = new RouteScores.Tally();
        for (Sample sample : test) {
            RouteDecision decision = decide(state, sample.row());
            tally.add(sample.row().labels(), ranking(model, sample), decision.active().stream().map(one -> one.label()).toList());
        }
        List<Sample> judged = test.isEmpty() ? samples.get(RouteRow.Split.CALIBRATION) : test;
        double[][] p = judged.stream().map(probabilities(model)).toArray(double[][]::new);
        double[][] raw = judged.stream().map(sample -> Arrays.stream(model.heads().getFirst().logOdds(sample.input()))
                .map(Logits::sigmoid).toArray()).toArray(double[][]::new);
        boolean[][] targets = judged.stream().map(Sample::target).toArray(boolean[][]::new);
        double[] abstain = judged.stream().mapToDouble(sample -> abstain(model, sample)).toArray();
        boolean[] inside = new boolean[abstain.length];
        for (int i = 0; i < inside.length; i++) inside[i] = judged.get(i).members().length > 0;
        RouteScores scores = tally.scores(source.id());
        phase("report");
        return new FitReport(source.id() + ":" + source.hash(), losses, model.heads().stream().map(Head::name).toList(),
                model.thresholds()[0], model.relativeFloor(), Reliability.ece(p, targets), Reliability.ece(raw, targets),
                Reliability.brier(p, targets), model.gate().certificate(), Reliability.auroc(abstain, inside), scores, seconds);
    }

    private List<String> ranking(RouterModel model, Sample sample) {
        double[] z = z(model, sample);
        Integer[] order = new Integer[labels.size()];
        for (int c = 0; c < order.length; c++) order[c] = c;
        Arrays.sort(order, (a, b) -> z[a] == z[b] ? a - b : Double.compare(z[b], z[a]));
        return Arrays.stream(order).limit(3).map(labels::get).toList();
    }
}
