// SPDX-License-Identifier: Apache-2.0
package dev.stoa.grad;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.stoa.kernel.FrozenLinear;
import dev.stoa.kernel.KernelProvider;
import dev.stoa.kernel.Kernels;
import dev.stoa.model.FeedForward;
import dev.stoa.model.LayerSpec;
import dev.stoa.nn.mixer.MixerSpec;
import dev.stoa.model.ModelSpec;
import dev.stoa.nn.NormSpec;
import dev.stoa.nn.RopeSpec;
import dev.stoa.model.TensorPlan;
import dev.stoa.quant.Quant;
import dev.stoa.tensor.DType;
import dev.stoa.tensor.Ledger;
import dev.stoa.tensor.Scope;
import dev.stoa.tensor.Tensor;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.TreeMap;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/// The whole training forward pass: its gradients against central differences, and what batching must not change.
class NetworkTest {
    private final Scope scope = new Ledger().scope("test");
    private final Kernels kernels = KernelProvider.open("scalar", 1);
    private final Random random = new Random(7);

    @AfterEach
    void close() {
        kernels.close();
        scope.close();
    }

    /// 2 layers, width 12, 4 query heads on 2 key heads of 4: Llama, or Qwen3 with head norms, biases and its own head.
    static ModelSpec spec(boolean rich) {
        NormSpec norm = new NormSpec(1e-6f, 0);
        RopeSpec rope = new RopeSpec(new double[] {1, 0.1}, 1);
        List<LayerSpec> layers = new ArrayList<>();
        for (int i = 0; i < 2; i++) {
            layers.add(new LayerSpec(i, new MixerSpec.Attention(4, 2, 4, 0.5f, rich, rich, rich ? norm : null, rope, 0), norm,
                    new FeedForward.Gated(20, rich), norm));
        }
        return new ModelSpec("test", "test", 17, 12, 64, 1, layers, norm, !rich, List.of(0));
    }

    TreeMap<String, Parameter> parameters(ModelSpec spec, double scale) {
        TreeMap<String, Parameter> parameters = new TreeMap<>();
        for (TensorPlan.Binding binding : TensorPlan.of(spec)) {
            Parameter parameter = new Parameter(binding.name(), scope.f32(binding.shape()), scope.f32(binding.shape()));
            for (long i = 0; i < parameter.value().elements(); i++) {
                boolean one = binding.role() == TensorPlan.Role.VECTOR && !binding.name().endsWith("bias");
                parameter.value().set(i, (float) ((one ? 1 : 0) + scale * random.nextGaussian()));
            }
            parameters.put(binding.name(), parameter);
        }
        return parameters;
    }

    Network network(ModelSpec spec, TreeMap<String, Parameter> parameters) {
        return network(spec, parameters, kernels);
    }

    private Network network(ModelSpec spec, TreeMap<String, Parameter> parameters, Kernels kernels) {
        return new Network(spec, path -> new Projection.Dense(
                parameters.get(path.equals("lm_head") ? spec.headWeight() : path + ".weight"), parameters.get(path + ".bias")),
                parameters::get, kernels, new Workspace(scope));
    }

    static PackedSamples batch(int... lengths) {
        Random random = new Random(3);
        int rows = 0;
        int[] starts = new int[lengths.length + 1];
        for (int i = 0; i < lengths.length; i++) starts[i + 1] = rows += lengths[i];
        int[] ids = new int[rows], positions = new int[rows];
        float[] hard = new float[rows];
        for (int i = 0; i < lengths.length; i++) {
            for (int row = starts[i]; row < starts[i + 1]; row++) {
                ids[row] = random.nextInt(17);
                positions[row] = row - starts[i];
                hard[row] = row + 1 == starts[i + 1] || random.nextInt(4) == 0 ? 0 : 0.25f + random.nextFloat();
            }
        }
        return new PackedSamples(ids, positions, starts, hard, new float[rows]);
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void gradientOfEveryParameterAgreesWithCentralDifferences(boolean rich) {
        ModelSpec spec = spec(rich);
        TreeMap<String, Parameter> parameters = parameters(spec, 0.3);
        Network network = network(spec, parameters);
        PackedSamples batch = batch(1, 3, 17, 2);
        network.accumulate(batch);
        double step = 2e-3;
        for (Parameter parameter : parameters.values()) {
            float[] direction = new float[Math.toIntExact(parameter.value().elements())], old = parameter.value().toArray();
            double expected = 0, length = 0;
            for (int i = 0; i < direction.length; i++) {
                direction[i] = (float) random.nextGaussian();
                length += direction[i] * direction[i];
            }
            for (int i = 0; i < direction.length; i++) {
                direction[i] /= (float) Math.sqrt(length);
                expected += (double) direction[i] * parameter.gradient().get(i);
            }
            double above = move(parameter, old, direction, step, network, batch);
            double below = move(parameter, old, direction, -step, network, batch);
            for (int i = 0; i < old.length; i++) parameter.value().set(i, old[i]);
            assertThat((above - below) / (2 * step)).as(parameter.name()).isCloseTo(expected, within(1e-2 + 1e-2 * Math.abs(expected)));
        }
    }

    private static double move(Parameter parameter, float[] old, float[] direction, double step, Network network, PackedSamples batch) {
        for (int i = 0; i < old.length; i++) parameter.value().set(i, (float) (old[i] + step * direction[i]));
        return network.measure(batch).sum();
    }

    @Test
    void packedSamplesHaveTheLossTheyHaveAlone() {
        ModelSpec spec = spec(true);
        Network network = network(spec, parameters(spec, 0.3));
        PackedSamples batch = batch(5, 3, 9);
        LossRows together = network.measure(batch);
        int next = 0;
        for (int sample = 0; sample < 3; sample++) {
            LossRows alone = network.measure(sample(batch, sample));
            for (double nll : alone.nll()) assertThat(together.nll()[next++]).isCloseTo(nll, within(1e-5));
        }
        assertThat(next).isEqualTo(together.rows().length);
    }

    private static float[] gradients(TreeMap<String, Parameter> parameters) {
        int size = parameters.values().stream().mapToInt(parameter -> (int) parameter.value().elements()).sum(), at = 0;
        float[] all = new float[size];
        for (Parameter parameter : parameters.values()) {
            for (float value : parameter.gradient().toArray()) all[at++] = value;
            parameter.gradient().data().fill((byte) 0);
        }
        return all;
    }

    private static PackedSamples sample(PackedSamples batch, int index) {
        int from = batch.starts()[index], to = batch.starts()[index + 1];
        return new PackedSamples(Arrays.copyOfRange(batch.ids(), from, to), Arrays.copyOfRange(batch.positions(), from, to),
                new int[] {0, to - from}, Arrays.copyOfRange(batch.hard(), from, to), Arrays.copyOfRange(batch.soft(), from, to));
    }

    @Test
    void oneBatchOfEightSamplesHasTheGradientOfEightBatches() {
        ModelSpec spec = spec(true);
        TreeMap<String, Parameter> parameters = parameters(spec, 0.3);
        Network network = network(spec, parameters);
        PackedSamples batch = batch(2, 9, 17, 3, 4, 30, 5, 11);
        double packed = network.accumulate(batch).sum(), single = 0;
        float[] together = gradients(parameters);
        for (int i = 0; i < 8; i++) single += network.accumulate(sample(batch, i)).sum();
        float[] apart = gradients(parameters);
        assertThat(single).isCloseTo(packed, within(1e-5));
        double scale = 0;
        for (float value : together) scale = Math.max(scale, Math.abs(value));
        for (int i = 0; i < together.length; i++) assertThat((double) apart[i]).isCloseTo(together[i], within(1e-6 * scale));
    }

    @Test
    void labelsOfTokensWithoutWeightDoNotMatter() {
        ModelSpec spec = spec(false);
        TreeMap<String, Parameter> parameters = parameters(spec, 0.3);
        Network network = network(spec, parameters);
        PackedSamples batch = batch(7, 6);
        for (int row : new int[] {4, 5, 6, 11, 12}) batch.hard()[row] = 0;
        int[] ids = batch.ids().clone();
        for (int row : new int[] {6, 12}) ids[row] = (ids[row] + 5) % 17; // the label of the row before, read by no trained row
        double loss = network.accumulate(batch).sum();
        float[] gradients = gradients(parameters);
        assertThat(network.accumulate(new PackedSamples(ids, batch.positions(), batch.starts(), batch.hard(), batch.soft())).sum()).isEqualTo(loss);
        assertThat(gradients(parameters)).isEqualTo(gradients);
    }

    @Test
    void gradientsHaveTheSameBitsForOneAndTwoThreads() {
        ModelSpec spec = spec(true);
        TreeMap<String, Parameter> parameters = parameters(spec, 0.3);
        PackedSamples batch = batch(40, 33, 60, 61, 5, 90, 17);
        float[][] gradients = new float[2][];
        for (int threads = 1; threads <= 2; threads++) {
            try (Kernels vector = KernelProvider.open("auto", threads)) {
                network(spec, parameters, vector).accumulate(batch);
                gradients[threads - 1] = gradients(parameters);
            }
        }
        assertThat(gradients[1]).isEqualTo(gradients[0]);
    }

    /// B = 0: the expert is the base, so keeping the base's distribution asks for no change at all.
    @Test
    void divergenceRowsHaveNoGradientWhileTheUpdateIsZero() {
        ModelSpec spec = spec(false);
        Adapted adapted = new Adapted(spec, DType.F32, 0);
        PackedSamples batch = batch(9, 5), soft = new PackedSamples(batch.ids(), batch.positions(), batch.starts(), batch.soft(), batch.hard());
        LossRows losses = adapted.network.accumulate(soft);
        assertThat(losses.rows()).isNotEmpty();
        assertThat(losses.sum()).isCloseTo(0, within(1e-9));
        assertThat(gradients(adapted.updates)).containsOnly(0);
        assertThat(adapted.network.accumulate(batch).sum()).isPositive();
        assertThat(gradients(adapted.updates)).satisfies(values -> {
            double sum = 0;
            for (float value : values) sum += Math.abs(value);
            assertThat(sum).isPositive();
        });
    }

    /// Half precision and block formats: the same gradients as on the F32 values they stand for.
    @ParameterizedTest
    @EnumSource(value = DType.class, names = {"BF16", "F16", "Q8_0", "Q4_0"})
    void aBaseInAnotherFormatTrainsLikeItsDecodedValues(DType format) {
        ModelSpec spec = wide();
        random.setSeed(9);
        Adapted stored = new Adapted(spec, format, 0.1);
        random.setSeed(9);
        Adapted decoded = new Adapted(spec, format, 0.1, true);
        PackedSamples batch = batch(9, 5, 1, 17);
        for (int i = 0; i < 3; i++) batch.soft()[i] = 1;
        double loss = stored.network.accumulate(batch).sum();
        assertThat(decoded.network.accumulate(batch).sum()).isCloseTo(loss, within(1e-4));
        float[] expected = gradients(decoded.updates), got = gradients(stored.updates);
        double scale = 0;
        for (float value : expected) scale = Math.max(scale, Math.abs(value));
        for (int i = 0; i < got.length; i++) assertThat((double) got[i]).isCloseTo(expected[i], within(1e-4 * scale));
    }

    /// Layers computed again on the way back, with fused products of both precisions: the same bits as when all is kept.
    @ParameterizedTest
    @EnumSource(FrozenLinear.Precision.class)
    void recomputedLayersGiveTheSameBits(FrozenLinear.Precision precision) {
        PackedSamples batch = batch(9, 5, 1, 17);
        for (int i = 0; i < 3; i++) batch.soft()[i] = 1;
        float[][] gradients = new float[2][];
        double[] losses = new double[2];
        for (int i = 0; i < 2; i++) {
            random.setSeed(9);
            Workspace workspace = new Workspace(scope);
            Compute compute = new Compute(precision, kernels.frozenLinear(precision), kernels.segmentAttention());
            Adapted adapted = new Adapted(spec(true), DType.F32, 0.1, false, compute, workspace, i == 0 ? null : new Workspace(scope));
            losses[i] = adapted.network.accumulate(batch).sum();
            gradients[i] = gradients(adapted.updates);
        }
        assertThat(losses[1]).isEqualTo(losses[0]);
        assertThat(gradients[1]).isEqualTo(gradients[0]);
    }

    /// Rounded factors change gradients by some parts in a hundred; a base whose weights are rows of another does not pass.
    @Test
    void roundedFactorsTrainLikeExactOnes() {
        PackedSamples batch = batch(30, 17, 40);
        float[][] gradients = new float[3][];
        double[] losses = new double[3];
        for (int i = 0; i < 3; i++) {
            random.setSeed(i < 2 ? 9 : 10);
            FrozenLinear.Precision precision = i == 1 ? FrozenLinear.Precision.BF16 : FrozenLinear.Precision.F32;
            Compute compute = new Compute(precision, kernels.frozenLinear(precision), kernels.segmentAttention());
            Adapted adapted = new Adapted(wide(), DType.Q4_0, 0.1, false, compute, new Workspace(scope), null);
            losses[i] = adapted.network.accumulate(batch).sum();
            gradients[i] = gradients(adapted.updates);
        }
        assertThat(losses[1]).isNotEqualTo(losses[0]).isCloseTo(losses[0], within(2e-2 * losses[0]));
        assertThat(distance(gradients[1], gradients[0])).isBetween(1e-5, 3e-2);
        assertThat(distance(gradients[2], gradients[0])).isGreaterThan(0.3);
    }

    private static double distance(float[] actual, float[] expected) {
        double squares = 0, scale = 0;
        for (int i = 0; i < actual.length; i++) {
            squares += Math.pow(actual[i] - expected[i], 2);
            scale += Math.pow(expected[i], 2);
        }
        return Math.sqrt(squares / scale);
    }

    private static ModelSpec wide() {
        ModelSpec narrow = spec(false);
        NormSpec norm = narrow.finalNorm();
        RopeSpec rope = new RopeSpec(new double[] {1, 0.1}, 1);
        return new ModelSpec("test", "test", 17, 32, 64, 1, List.of(new LayerSpec(0, new MixerSpec.Attention(4, 2, 8, 0.5f, false,
                false, null, rope, 0), norm, new FeedForward.Gated(64, false), norm)), norm, true, List.of(0));
    }

    /// A frozen random base in a storage format with low-rank updates of every layer.
    private final class Adapted {
        final TreeMap<String, Parameter> updates = new TreeMap<>();
        final Network network;

        Adapted(ModelSpec spec, DType format, double b) {
            this(spec, format, b, false);
        }

        Adapted(ModelSpec spec, DType format, double b, boolean decoded) {
            this(spec, format, b, decoded, Compute.plain(kernels), new Workspace(scope), null);
        }

        Adapted(ModelSpec spec, DType format, double b, boolean decoded, Compute compute, Workspace workspace, Workspace scratch) {
            TreeMap<String, Tensor> weights = new TreeMap<>();
            for (TensorPlan.Binding binding : TensorPlan.of(spec)) {
                float[] values = new float[(int) Tensor.elements(binding.shape())];
                boolean vector = binding.role() == TensorPlan.Role.VECTOR;
                for (int i = 0; i < values.length; i++) values[i] = (vector ? 1 : 0) + (float) (0.3 * random.nextGaussian());
                Tensor stored = Quant.encode(values, vector ? DType.F32 : format, scope, binding.shape());
                weights.put(binding.name(), decoded ? Quant.encode(Quant.decode(stored), DType.F32, scope, binding.shape()) : stored);
            }
            network = new Network(spec, path -> {
                Tensor weight = weights.get(path.equals("lm_head") ? spec.headWeight() : path + ".weight");
                Projection.LowRank update = path.equals("lm_head") ? null : new Projection.LowRank(
                        update(path + ".a", 1, 2, weight.cols()), update(path + ".b", b, weight.rows(), 2), 2);
                return new Projection.Frozen(kernels.matmul().pack(weight, scope), null, update);
            }, name -> Parameter.frozen(name, weights.get(name)), kernels, compute, workspace, scratch);
        }

        private Parameter update(String name, double scale, long... shape) {
            Parameter parameter = new Parameter(name, scope.f32(shape), scope.f32(shape));
            for (long i = 0; i < parameter.value().elements(); i++) parameter.value().set(i, (float) (scale * random.nextGaussian()));
            updates.put(name, parameter);
            return parameter;
        }
    }
}
