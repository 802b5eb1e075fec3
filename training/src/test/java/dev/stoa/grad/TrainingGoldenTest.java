// SPDX-License-Identifier: Apache-2.0
package dev.stoa.grad;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.stoa.TrainingFault;
import dev.stoa.data.Batch;
import dev.stoa.data.Example;
import dev.stoa.format.Json;
import dev.stoa.format.ModelDirectory;
import dev.stoa.kernel.KernelProvider;
import dev.stoa.kernel.Kernels;
import dev.stoa.model.Model;
import dev.stoa.model.TensorPlan;
import dev.stoa.optim.AdamW;
import dev.stoa.optim.Variable;
import dev.stoa.tensor.Ledger;
import dev.stoa.tensor.Scope;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.TreeMap;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import tools.jackson.databind.JsonNode;

/// Ten optimizer steps of a 2-layer Llama lose exactly what transformers and PyTorch's AdamW lose (tools/golden/training.py).
class TrainingGoldenTest {
    private static final Path GOLDEN = Path.of("src/test/resources/golden/training");

    @ParameterizedTest
    @ValueSource(strings = {"scalar", "auto"})
    void tenLossesEqualPyTorch(String provider) throws IOException {
        JsonNode golden = Json.readObject(GOLDEN.resolve("losses.json"), 1 << 20, TrainingFault.NO_DATA);
        List<Example> samples = new ArrayList<>();
        for (int i = 0; i < golden.get("samples").size(); i++) {
            JsonNode ids = golden.get("samples").get(i), weights = golden.get("weights").get(i);
            int[] tokens = new int[ids.size()];
            float[] weight = new float[ids.size()];
            for (int t = 0; t < tokens.length; t++) {
                tokens[t] = ids.get(t).intValue();
                weight[t] = weights.get(t).floatValue();
            }
            samples.add(Example.hard(tokens, weight));
        }
        Batch batch = Batch.of(samples);
        PackedSamples packed = new PackedSamples(batch.ids(), batch.positions(), batch.starts(), batch.hard(), batch.soft());
        try (Scope scope = new Ledger().scope("golden"); Kernels kernels = KernelProvider.open(provider, 1)) {
            Model model = Model.load(ModelDirectory.openWithoutTokenizer(GOLDEN, scope), kernels, scope);
            TreeMap<String, Parameter> parameters = new TreeMap<>();
            List<Variable> variables = new ArrayList<>();
            for (TensorPlan.Binding binding : TensorPlan.of(model.spec())) {
                Parameter parameter = new Parameter(binding.name(), scope.f32(binding.shape()), scope.f32(binding.shape()));
                MemorySegment.copy(model.weight(binding.name()).data(), 0, parameter.value().data(), 0, parameter.value().bytes());
                parameters.put(binding.name(), parameter);
                variables.add(new Variable(parameter.name(), parameter.value(), parameter.gradient()));
            }
            Network network = new Network(model.spec(), path -> new Projection.Dense(
                    parameters.get(path.equals("lm_head") ? model.spec().headWeight() : path + ".weight"), null), parameters::get,
                    kernels, new Workspace(scope));
            AdamW adamw = new AdamW(variables, new AdamW.Settings(5e-3, 0.9, 0.95, 1e-8, 0.1), kernels.updates(), scope);
            for (int step = 0; step < golden.get("losses").size(); step++) {
                for (Parameter parameter : parameters.values()) parameter.gradient().data().fill((byte) 0);
                LossRows losses = network.accumulate(packed);
                assertThat(losses.sum() / losses.weight()).as("loss %d", step)
                        .isCloseTo(golden.get("losses").get(step).doubleValue(), within(1e-4));
                adamw.step(step + 1, 1, 1 / losses.weight());
            }
        }
    }
}
