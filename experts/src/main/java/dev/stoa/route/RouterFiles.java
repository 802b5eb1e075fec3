// SPDX-License-Identifier: Apache-2.0
package dev.stoa.route;

import dev.stoa.EngineFault;
import dev.stoa.ExpertsFault;
import dev.stoa.Fault;
import dev.stoa.FaultException;
import dev.stoa.format.AtomicFiles;
import dev.stoa.format.Safetensors;
import dev.stoa.format.SafetensorsWriter;
import dev.stoa.route.feature.FeatureSource;
import dev.stoa.route.feature.HashedFeatures;
import dev.stoa.route.feature.PrefillFeatures;
import dev.stoa.route.head.AbstainGate;
import dev.stoa.route.head.Calibration;
import dev.stoa.route.head.Certificate;
import dev.stoa.route.head.Columns;
import dev.stoa.route.head.Head;
import dev.stoa.route.head.LinearHead;
import dev.stoa.route.head.MlpHead;
import dev.stoa.route.head.Phrases;
import dev.stoa.route.head.RouteInput;
import dev.stoa.route.head.WordHead;
import dev.stoa.tensor.Ledger;
import dev.stoa.tensor.Scope;
import dev.stoa.tensor.Tensor;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.TreeMap;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.json.JsonMapper;

/// A router on disk: `<root>/<version>/` with `head.safetensors` (every matrix), `meta.json` (labels, shapes,
/// calibration, probes) and `policy.json` (roster, composition), written whole; `<root>/current` names the version and
/// is written last, so a crash leaves the old router or the new.
///
/// Loading runs 16 probes through every head: a swapped activation or a transposed matrix is refused, not served.
public final class RouterFiles {
    private static final JsonMapper JSON = JsonMapper.builder().build();
    /// Where [PrefillFeatures] lie in a router's directory.
    public static final String FEATURES = "features.safetensors";
    private static final int SCHEMA = 1;
    private static final int PROBES = 16;
    private static final double TOLERANCE = 1e-4;

    private RouterFiles() {}

    /// Opens the feature source a router was fitted on, other than `hashed`; null when there is none of that name.
    public interface Sources {
        FeatureSource open(String id, Path directory) throws IOException;
    }

    private record Meta(int schema, long version, List<String> labels, Model model, Model fallback) {}

    /// `heads` by name, in order; `probes[h]` the expected log-odds of head h on each probe. `tau` as text, since it may
    /// be infinite.
    private record Model(String source, String sourceHash, int dim, List<String> heads, Phrases phrases, List<String> vocabulary, double[] share,
            double[] sizes, double base, double[][] slopes, boolean[] own, double[] thresholds, double relativeFloor,
            double[] gate, String tau, Certificate certificate, double[][][] probes) {}

    private record PolicyFile(Map<String, RoutedExpert> roster, CompositionTable composition) {}

    /// Writes the state and makes it the current one. Versions are never written over: one that is taken becomes the
    /// next free number. Returns the state under the version it was saved as.
    public static RouterState save(Path root, RouterState given) throws IOException {
        Files.createDirectories(root);
        long version = given.version();
        while (Files.exists(root.resolve(Long.toString(version)))) version++;
        RouterState state = new RouterState(version, given.labels(), given.model(), given.fallback(), given.roster(), given.composition());
        Map<String, Tensor> tensors = new TreeMap<>();
        Model model = describe(state.model(), "model.", tensors);
        Model fallback = state.fallback() == null ? null : describe(state.fallback(), "fallback.", tensors);
        String meta = JSON.writeValueAsString(new Meta(SCHEMA, state.version(), state.labels(), model, fallback));
        String policy = JSON.writeValueAsString(new PolicyFile(state.roster(), state.composition()));
        String name = Long.toString(state.version());
        AtomicFiles.writeDirectory(root.resolve(name), directory -> {
            SafetensorsWriter.write(directory.resolve("head.safetensors"), tensors, Map.of());
            if (state.model().source() instanceof PrefillFeatures prefill) prefill.save(directory.resolve(FEATURES));
            AtomicFiles.write(directory.resolve("meta.json"), meta);
            AtomicFiles.write(directory.resolve("policy.json"), policy);
        });
        AtomicFiles.write(root.resolve("current"), name);
        return state;
    }

    /// The current router. Fails with `router_feature_mismatch` when its features are not those `sources` opens.
    public static RouterState load(Path root, Sources sources) throws IOException {
        Path directory = root.resolve(Files.readString(root.resolve("current")).strip()).normalize();
        if (!root.normalize().equals(directory.getParent())) throw invalid(root.resolve("current"), "it names a path", null);
        try (Scope scope = new Ledger().scope("router")) {
            Meta meta = JSON.readValue(Files.readString(directory.resolve("meta.json")), Meta.class);
            PolicyFile policy = JSON.readValue(Files.readString(directory.resolve("policy.json")), PolicyFile.class);
            if (meta.schema() != SCHEMA) throw invalid(directory, "its schema is " + meta.schema() + ", this program reads " + SCHEMA, null);
            Safetensors tensors = Safetensors.open(directory.resolve("head.safetensors"), scope);
            RouterModel model = restore(meta.model(), "model.", tensors, meta.labels().size(), directory, sources);
            RouterModel fallback = meta.fallback() == null ? null
                    : restore(meta.fallback(), "fallback.", tensors, meta.labels().size(), directory, sources);
            return new RouterState(meta.version(), meta.labels(), model, fallback, policy.roster(), policy.composition());
        } catch (JacksonException | IllegalArgumentException | NullPointerException | IndexOutOfBoundsException damaged) {
            throw invalid(directory, "its files do not fit together", damaged);
        }
    }

    private static FaultException invalid(Path where, String what, Exception cause) {
        return Fault.of(ExpertsFault.ROUTER_INVALID, "the router cannot be used: %s", what).where(where)
                .got(cause == null ? null : String.valueOf(cause.getMessage()))
                .next("fit it again with \"stoa route --fit\"").causedBy(cause);
    }

    private static Model describe(RouterModel model, String prefix, Map<String, Tensor> tensors) {
        List<String> heads = new ArrayList<>();
        for (Head head : model.heads()) {
            heads.add(head.name());
            switch (head) {
                case LinearHead linear -> put(tensors, prefix + "fc1", linear.weight(), linear.bias());
                case MlpHead mlp -> {
                    put(tensors, prefix + "fc1", mlp.first(), mlp.firstBias());
                    put(tensors, prefix + "fc2", mlp.second(), mlp.secondBias());
                }
                case WordHead words -> { } // always written, below
            }
        }
        WordHead words = model.words();
        Columns table = Columns.ofRows(flat(words.wordGivenLabel()), words.wordGivenLabel().length, words.share().length + 1);
        put(tensors, prefix + "words", table);
        put(tensors, prefix + "centroids", model.gate().centroids());
        put(tensors, prefix + "neighbors", model.gate().neighbors());
        if (model.source() instanceof HashedFeatures hashed && hashed.idf() != null) {
            tensors.put(prefix + "idf", Tensor.of(hashed.idf(), HashedFeatures.BUCKETS));
        }
        return new Model(model.source().id(), model.source().hash(), model.source().dim(), heads, words.phrases(), words.vocabulary(), words.share(),
                words.sizes(), words.base(), model.calibration().slopes(), model.calibration().own(), model.thresholds(),
                model.relativeFloor(), model.gate().weights(), Double.toString(model.gate().tau()), model.gate().certificate(),
                probe(model.heads(), model.source().dim(), words.vocabulary()));
    }

    private static RouterModel restore(Model meta, String prefix, Safetensors tensors, int labels, Path directory, Sources sources)
            throws IOException {
        FeatureSource source = meta.source().equals("hashed")
                ? new HashedFeatures(tensors.find(prefix + "idf") == null ? null : tensors.find(prefix + "idf").toArray())
                : sources.open(meta.source(), directory);
        String got = source == null ? "none" : source.id() + ":" + source.hash();
        if (source == null || !source.hash().equals(meta.sourceHash())) {
            throw Fault.of(ExpertsFault.ROUTER_FEATURE_MISMATCH, "the router was fitted on other features").where(directory)
                    .got(got).expected(meta.source() + ":" + meta.sourceHash()).next("run \"stoa route --fit\"").exception();
        }
        Columns table = matrix(tensors, prefix + "words", directory);
        WordHead words = new WordHead(meta.phrases(), meta.vocabulary(), rows(table), meta.share(), meta.sizes(), meta.base());
        List<Head> heads = new ArrayList<>();
        for (String name : meta.heads()) {
            boolean softmax = name.endsWith("softmax");
            heads.add(switch (name) {
                case "words" -> words;
                case "linear-softmax", "linear-sigmoid" -> new LinearHead(matrix(tensors, prefix + "fc1.weight", directory),
                        vector(tensors, prefix + "fc1.bias", directory), softmax);
                case "mlp-softmax", "mlp-sigmoid" -> new MlpHead(matrix(tensors, prefix + "fc1.weight", directory),
                        vector(tensors, prefix + "fc1.bias", directory), matrix(tensors, prefix + "fc2.weight", directory),
                        vector(tensors, prefix + "fc2.bias", directory), softmax);
                default -> throw invalid(directory, "it has a head of unknown kind " + name, null);
            });
        }
        check(heads, meta, directory);
        boolean shapes = meta.thresholds().length == labels && meta.slopes().length == labels + 1 && meta.share().length == labels
                && meta.gate().length == AbstainGate.INPUTS + 1;
        for (double[] slope : meta.slopes()) shapes &= slope.length == heads.size() + 1;
        if (!shapes) throw invalid(directory, "its tables do not have one entry per label", null);
        AbstainGate gate = new AbstainGate(matrix(tensors, prefix + "centroids", directory), matrix(tensors, prefix + "neighbors", directory),
                meta.gate(), Double.parseDouble(meta.tau()), meta.certificate());
        return new RouterModel(source, heads, words, new Calibration(meta.slopes(), meta.own()), meta.thresholds(),
                meta.relativeFloor(), gate);
    }

    private static void check(List<Head> heads, Model meta, Path directory) {
        double[][][] found = probe(heads, meta.dim(), meta.vocabulary());
        for (int h = 0; h < found.length; h++) {
            for (int i = 0; i < PROBES; i++) {
                for (int c = 0; c < found[h][i].length; c++) {
                    double difference = Math.abs(found[h][i][c] - meta.probes()[h][i][c]);
                    if (difference <= TOLERANCE) continue;
                    throw Fault.of(ExpertsFault.ROUTER_PROBE_MISMATCH, "the router's %s head answers otherwise than when it was fitted",
                            heads.get(h).name()).where(directory).got("probe " + i + " differs by " + difference)
                            .expected("at most " + TOLERANCE).next("fit it again with \"stoa route --fit\"").exception();
                }
            }
        }
    }

    /// The heads' answers to 16 fixed pseudo-random inputs.
    private static double[][][] probe(List<Head> heads, int dim, List<String> vocabulary) {
        double[][][] answers = new double[heads.size()][PROBES][];
        SplittableRandom random = new SplittableRandom(20_26);
        for (int i = 0; i < PROBES; i++) {
            float[] vector = new float[dim];
            for (int d = 0; d < dim; d++) vector[d] = (float) (random.nextGaussian() / Math.sqrt(dim));
            List<String> words = new ArrayList<>();
            for (int w = 0; w < 4; w++) words.add(vocabulary.get(random.nextInt(vocabulary.size())));
            RouteInput input = new RouteInput(List.of(vector), words);
            for (int h = 0; h < answers.length; h++) answers[h][i] = heads.get(h).logOdds(input);
        }
        return answers;
    }

    private static void put(Map<String, Tensor> tensors, String name, Columns weight, float[] bias) {
        put(tensors, name + ".weight", weight);
        tensors.put(name + ".bias", Tensor.of(bias, bias.length));
    }

    private static void put(Map<String, Tensor> tensors, String name, Columns matrix) {
        tensors.put(name, Tensor.of(matrix.toRows(), matrix.rows(), matrix.cols()));
    }

    private static float[] vector(Safetensors tensors, String name, Path where) {
        Tensor tensor = tensors.find(name);
        if (tensor == null) throw Fault.of(EngineFault.TENSOR_MISMATCH, "the router has no tensor %s", name).where(where).exception();
        return tensor.toArray();
    }

    private static Columns matrix(Safetensors tensors, String name, Path where) {
        float[] values = vector(tensors, name, where);
        Tensor tensor = tensors.find(name);
        return Columns.ofRows(values, Math.toIntExact(tensor.dim(0)), Math.toIntExact(tensor.dim(1)));
    }

    private static float[] flat(float[][] rows) {
        float[] all = new float[rows.length * rows[0].length];
        for (int r = 0; r < rows.length; r++) System.arraycopy(rows[r], 0, all, r * rows[0].length, rows[0].length);
        return all;
    }

    private static float[][] rows(Columns matrix) {
        float[] all = matrix.toRows();
        float[][] rows = new float[matrix.rows()][matrix.cols()];
        for (int r = 0; r < rows.length; r++) System.arraycopy(all, r * matrix.cols(), rows[r], 0, matrix.cols());
        return rows;
    }
}
