// SPDX-License-Identifier: Apache-2.0
package dev.stoa.cli;

import static org.assertj.core.api.Assertions.assertThat;

import dev.stoa.format.Gguf;
import dev.stoa.format.GgufValue;
import dev.stoa.format.GgufWriter;
import dev.stoa.format.ModelDirectory;
import dev.stoa.format.TensorItem;
import dev.stoa.format.Weights;
import dev.stoa.serve.TinyDirectory;
import dev.stoa.tensor.DType;
import dev.stoa.tensor.Ledger;
import dev.stoa.tensor.Scope;
import dev.stoa.tensor.Tensor;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/// `quantize` and `convert` in this process, on a tiny model and its adapter.
class ConvertVerbsTest {
    @TempDir
    static Path folder;

    private static String model;
    private static String adapter;

    @BeforeAll
    static void write() throws IOException {
        model = TinyDirectory.write(folder.resolve("tiny")).toString();
        adapter = TinyDirectory.adapter(Path.of(model), folder.resolve("one"), 1).toString();
    }

    private static String path(String name) {
        return folder.resolve(name).toString();
    }

    private static JsonNode done(String... args) {
        String[] json = Arrays.copyOf(args, args.length + 1);
        json[args.length] = "--json";
        Shell.Result result = new Shell().run(json);
        assertThat(result.exit()).as(result.err() + result.out()).isZero();
        return JsonMapper.shared().readTree(result.out()).get("data");
    }

    @Test
    void aQuantizedCopyRunsAndTurnsBackIntoFloats() throws IOException {
        Files.writeString(folder.resolve("plan.json"), """
                {"target": 5, "perModule": [{"name": "model.layers.0.mlp.up_proj", "bits": 8, "group": 32}, {"name": "model.layers.1.mlp.up_proj", "bits": 16}]}""");
        JsonNode data = done("quantize", model, path("small"), "--scheme", "affine4/32", "--pure", "--plan", path("plan.json"));
        assertThat(data.get("tensors").get("affine4/32").asInt()).isEqualTo(11); // 2 x 5 of 7 matrices and the table, one without down_proj
        Shell.Result answer = new Shell().run("run", path("small"), "the answer", "--temperature", "0", "--max-tokens", "8");
        assertThat(answer.exit()).as(answer.err()).isZero();
        data = done("convert", path("small"), path("floats"), "--to", "safetensors", "--dtype", "f32");
        try (Scope scope = new Ledger().scope("test")) {
            Weights floats = ModelDirectory.open(Path.of(path("floats")), scope).weights();
            for (String name : floats.names()) assertThat(floats.find(name).dtype()).isEqualTo(DType.F32);
        }
        Shell.Result same = new Shell().run("run", path("floats"), "the answer", "--temperature", "0", "--max-tokens", "8");
        assertThat(same.out()).isEqualTo(answer.out());
    }

    @Test
    void wholeModelsGoThroughEveryLayoutAndAnswerTheSame() {
        Shell.Result answer = new Shell().run("run", model, "the answer", "--temperature", "0", "--max-tokens", "8");
        assertThat(answer.exit()).as(answer.err()).isZero();
        done("convert", model, path("whole.gguf"), "--to", "gguf");
        done("convert", path("whole.gguf"), path("whole-mlx"), "--to", "mlx");
        JsonNode back = done("convert", path("whole-mlx"), path("whole-hf"), "--to", "safetensors");
        assertThat(back.get("decoded").asInt()).isZero();
        for (String copy : List.of("whole.gguf", "whole-mlx", "whole-hf")) {
            Shell.Result same = new Shell().run("run", path(copy), "the answer", "--temperature", "0", "--max-tokens", "8");
            assertThat(same.out()).as(copy + same.err()).isEqualTo(answer.out());
        }
        assertThat(folder.resolve("whole-hf/tokenizer.json")).hasSameBinaryContentAs(Path.of(model, "tokenizer.json"));
        Shell.Result taken = new Shell().run("convert", model, path("whole.gguf"), "--to", "gguf");
        assertThat(taken.err()).contains("error[output_exists]");
        JsonNode bare = done("convert", model, path("bare.gguf"), "--to", "gguf", "--without-tokenizer");
        assertThat(bare.get("notes").toString()).contains("left out, as asked");
    }

    @Test
    void ggufFilesAreQuantized() throws IOException {
        GgufWriter.write(folder.resolve("m.gguf"), Map.of("general.architecture", GgufValue.text("llama")),
                List.of(TensorItem.copy("blk.0.attn_q.weight", Tensor.of(new float[512], 2, 256)), TensorItem.copy("token_embd.weight", Tensor.of(new float[512], 2, 256))));
        done("quantize", path("m.gguf"), path("q.gguf"), "--scheme", "Q4_K");
        try (Scope scope = new Ledger().scope("test")) {
            Gguf file = Gguf.open(folder.resolve("q.gguf"), scope);
            assertThat(file.find("blk.0.attn_q.weight").dtype()).isEqualTo(DType.Q4_K);
            assertThat(file.find("token_embd.weight").dtype()).isEqualTo(DType.Q6_K);
        }
    }

    @Test
    void adaptersGoThroughEveryDialectAndBack() {
        assertThat(done("convert", adapter, path("a-mlx"), "--to", "mlx", "--base", model).get("exact").asBoolean()).isTrue();
        assertThat(done("convert", path("a-mlx"), path("a.gguf"), "--to", "gguf", "--base", model).get("exact").asBoolean()).isTrue();
        JsonNode back = done("convert", path("a.gguf"), path("a-peft"), "--to", "peft", "--base", model);
        assertThat(back.get("exact").asBoolean()).isTrue();
        assertThat(back.get("modules").asInt()).isEqualTo(14);
        assertThat(folder.resolve("a-peft/adapter_model.safetensors")).hasSameBinaryContentAs(Path.of(adapter, "adapter_model.safetensors"));
        assertThat(done("convert", adapter, path("a8.gguf"), "--to", "gguf", "--dtype", "f16", "--base", model).get("max_relative_error").asDouble())
                .isBetween(1e-6, 1e-2);
    }

    @Test
    void aMeasuredPlanIsWrittenAndUsed() throws IOException {
        StringBuilder ids = new StringBuilder("[[5");
        for (int i = 1; i < 4096; i++) ids.append(',').append(5 + i * i % 80);
        Files.writeString(folder.resolve("ids.json"), ids.append("]]"));
        JsonNode data = done("quantize", model, path("planned"), "--target-bpw", "11", "--calibration", path("ids.json"));
        assertThat(data.get("achieved").asDouble()).isBetween(9.0, 11.0);
        JsonNode plan = JsonMapper.shared().readTree(Files.readString(folder.resolve("planned/quant_plan.json")));
        assertThat(plan.get("klMeasured").asDouble()).isEqualTo(data.get("kl_measured").asDouble());
        assertThat(plan.get("perModule")).hasSizeGreaterThan(10);
        Shell.Result answer = new Shell().run("run", path("planned"), "the answer", "--temperature", "0", "--max-tokens", "8");
        assertThat(answer.exit()).as(answer.err()).isZero();
        Shell.Result low = new Shell().run("quantize", model, path("x"), "--target-bpw", "2", "--calibration", path("ids.json"));
        assertThat(low.err()).contains("at least").contains("raise --target-bpw");
        assertThat(new Shell().run("quantize", model, path("x")).err()).contains("--scheme NAME, or --target-bpw");
        assertThat(new Shell().run("quantize", model, path("x"), "--target-bpw", "5").err()).contains("--calibration FILE");
    }

    @Test
    void refusesWithTheNextStep() {
        Shell.Result taken = new Shell().run("quantize", model, model, "--scheme", "affine4");
        assertThat(taken.exit()).isNotZero();
        assertThat(taken.err()).contains("error[output_exists]");
        Shell.Result scheme = new Shell().run("quantize", model, path("x"), "--scheme", "q9");
        assertThat(scheme.exit()).isEqualTo(2);
        assertThat(scheme.err()).contains("affineB or affineB/G");
        assertThat(new Shell().run("convert", adapter, path("x"), "--to", "mlx").err()).contains("--base MODEL");
        assertThat(new Shell().run("convert", adapter, path("x"), "--to", "onnx").err()).contains("peft, mlx, gguf or safetensors");
        assertThat(folder.resolve("x")).doesNotExist();
    }
}
