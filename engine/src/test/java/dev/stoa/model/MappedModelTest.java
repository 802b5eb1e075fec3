// SPDX-License-Identifier: Apache-2.0
package dev.stoa.model;

import static org.assertj.core.api.Assertions.assertThat;

import dev.stoa.adapter.AdapterSet;
import dev.stoa.cache.CacheStack;
import dev.stoa.format.ModelDirectory;
import dev.stoa.format.Safetensors;
import dev.stoa.kernel.KernelProvider;
import dev.stoa.kernel.Kernels;
import dev.stoa.model.family.Families;
import dev.stoa.tensor.Ledger;
import dev.stoa.tensor.Scope;
import dev.stoa.tensor.Tensor;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Set;
import java.util.StringJoiner;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// Weights that stay in their file: nothing is copied, and the results are those of packed ones within rounding.
class MappedModelTest {
    /// Qwen3.5-35B-A3B cut to four layers: 256 experts of 512, hidden 2048, vocabulary 248,320.
    private static final String LARGE = """
            {"model_type":"qwen3_5_moe_text","vocab_size":248320,"hidden_size":2048,"num_hidden_layers":4,"num_attention_heads":16,
             "num_key_value_heads":2,"head_dim":256,"linear_num_key_heads":16,"linear_num_value_heads":32,"linear_key_head_dim":128,
             "linear_value_head_dim":128,"linear_conv_kernel_dim":4,"num_experts":256,"num_experts_per_tok":8,"moe_intermediate_size":512,
             "shared_expert_intermediate_size":512,"max_position_embeddings":262144,"rms_norm_eps":1e-6,
             "rope_parameters":{"rope_type":"default","rope_theta":1e7,"partial_rotary_factor":0.25}}""";
    @TempDir
    Path folder;

    /// A BF16 safetensors file of zeros, experts fused; a sparse file takes no disk.
    private Path sparse(ModelSpec spec) throws IOException {
        Map<String, long[]> shapes = new LinkedHashMap<>();
        for (TensorPlan.Binding binding : TensorPlan.of(spec)) {
            if (!binding.name().contains(".experts.")) shapes.put(binding.name(), binding.shape());
        }
        for (int layer = 0; layer < 4; layer++) {
            shapes.put("layers." + layer + ".mlp.experts.gate_up_proj", new long[] {256, 1024, 2048});
            shapes.put("layers." + layer + ".mlp.experts.down_proj", new long[] {256, 2048, 512});
        }
        StringJoiner entries = new StringJoiner(",", "{", "}");
        long offset = 0;
        for (Map.Entry<String, long[]> entry : shapes.entrySet()) {
            long end = offset + 2 * Tensor.elements(entry.getValue());
            entries.add("\"%s\":{\"dtype\":\"BF16\",\"shape\":%s,\"data_offsets\":[%d,%d]}".formatted(entry.getKey(),
                    java.util.Arrays.toString(entry.getValue()), offset, end));
            offset = end;
        }
        byte[] header = entries.toString().getBytes(StandardCharsets.UTF_8);
        Path file = folder.resolve("large.safetensors");
        try (RandomAccessFile out = new RandomAccessFile(file.toFile(), "rw")) {
            out.write(ByteBuffer.allocate(8).order(ByteOrder.LITTLE_ENDIAN).putLong(header.length).array());
            out.write(header);
            out.setLength(8 + header.length + offset);
        }
        return file;
    }

    @Test
    void aLargeModelIsMappedAndNotCopied() throws IOException {
        ModelSpec spec = Families.translate(TinyModels.json(LARGE), Set.of("lm_head.weight"));
        Path file = sparse(spec);
        assertThat(file.toFile().length()).isGreaterThan(8L << 30);
        Ledger ledger = new Ledger();
        try (Kernels kernels = KernelProvider.open("auto", 2); Scope scope = ledger.scope("large")) {
            Safetensors weights = Safetensors.open(file, scope);
            Map<String, Tensor> tensors = new TreeMap<>();
            for (String name : weights.names()) tensors.put(name, weights.find(name));
            Model model = Model.of(spec, tensors, null, kernels, scope, Placement.MAPPED);
            assertThat(model.linearShapes()).hasSizeGreaterThan(3 * 256 * 4);
            assertThat(ledger.mappedBytes()).isGreaterThan(8L << 30);
            assertThat(ledger.activeBytes()).as("small vectors as F32, nothing else").isLessThan(2L << 20);
            Decoder decoder = new Decoder(model);
            try (Scope memory = ledger.scope("run"); CacheStack state = new CacheStack(decoder.cacheShapes(), 4, ledger)) {
                Workspace ws = decoder.workspace(2, 0, memory);
                Batch batch = new Batch(4, 2, 0);
                for (int i = 0; i < 2; i++) batch.wantResidual(batch.add(248_319, i, state, AdapterSet.BASE), 3);
                decoder.forward(batch, ws);
                assertThat(batch.residual(1)).hasSize(2048).containsOnly(0f);
            }
        }
    }

    @Test
    void mappedWeightsGiveWhatPackedOnesGive() throws IOException {
        Path place = Path.of("src/test/resources/golden/families/qwen3_5_moe");
        try (Kernels kernels = KernelProvider.open("auto", 2); Scope scope = new Ledger().scope("mapped")) {
            ModelDirectory directory = ModelDirectory.openWithoutTokenizer(place, scope);
            Model packed = Model.load(directory, kernels, scope);
            assertThat(packed.placement()).isEqualTo(Placement.PACKED);
            Map<String, Tensor> tensors = new TreeMap<>();
            for (String name : directory.weights().names()) tensors.put(name, directory.weights().find(name));
            Model mapped = Model.of(packed.spec(), tensors, null, kernels, scope, Placement.MAPPED);
            int[] ids = {5, 9, 33, 60, 7, 7, 21};
            float[][] one = Runner.logits(new Decoder(packed), packed.spec(), AdapterSet.BASE, 4, ids);
            float[][] two = Runner.logits(new Decoder(mapped), packed.spec(), AdapterSet.BASE, 4, ids);
            for (int t = 0; t < ids.length; t++) {
                for (int v = 0; v < one[t].length; v++) assertThat(two[t][v]).isCloseTo(one[t][v], org.assertj.core.api.Assertions.within(1e-4f));
            }
        }
    }
}
