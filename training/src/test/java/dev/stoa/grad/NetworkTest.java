// SPDX-License-Identifier: Apache-2.0
package dev.stoa.grad;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.stoa.kernel.KernelProvider;
import dev.stoa.kernel.Kernels;
import dev.stoa.model.FeedForward;
import dev.stoa.model.LayerSpec;
import dev.stoa.model.MixerSpec;
import dev.stoa.model.ModelSpec;
import dev.stoa.model.NormSpec;
import dev.stoa.model.RopeSpec;
import dev.stoa.model.TensorPlan;
import dev.stoa.tensor.Ledger;
import dev.stoa.tensor.Scope;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.TreeMap;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
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
            int from = batch.starts()[sample], to = batch.starts()[sample + 1];
            LossRows alone = network.measure(new PackedSamples(Arrays.copyOfRange(batch.ids(), from, to),
                    Arrays.copyOfRange(batch.positions(), from, to), new int[] {0, to - from},
                    Arrays.copyOfRange(batch.hard(), from, to), new float[to - from]));
            for (double nll : alone.nll()) assertThat(together.nll()[next++]).isCloseTo(nll, within(1e-5));
        }
        assertThat(next).isEqualTo(together.rows().length);
    }
}
