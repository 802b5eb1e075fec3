// SPDX-License-Identifier: Apache-2.0
package dev.stoa.model.convert;

import dev.stoa.EngineFault;
import dev.stoa.Fault;
import dev.stoa.format.GgufQuantizer;
import dev.stoa.format.GgufValue;
import dev.stoa.format.GgufWriter;
import dev.stoa.format.Json;
import dev.stoa.format.TensorItem;
import dev.stoa.format.TensorPolicy;
import dev.stoa.model.ModelConfig;
import dev.stoa.model.ModelSpec;
import dev.stoa.model.family.Families;
import dev.stoa.model.family.GgufHyperParameters;
import dev.stoa.quant.Quant;
import dev.stoa.quant.QuantFormat;
import dev.stoa.tensor.DType;
import dev.stoa.token.SyntheticVocabulary;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.SplittableRandom;
import tools.jackson.databind.JsonNode;

/// Writes a GGUF model of a given shape with random weights, so that speed can be measured without downloading anything.
///
/// Matrices are drawn block by block from a pool of encoded normal values with variance 1 / inputs; norms are near 1. Equal
/// seeds give equal bytes. Formats per tensor are those that llama.cpp's quantizer chooses, or one format for all.
public final class SyntheticModel {
    /// What was written.
    public record Result(int tensors, long parameters, long bytes) {}

    /// Blocks of each pool: enough that rows differ; a file of any size is drawn from them.
    private static final int POOL = 4096;
    private static final int CHUNK_BLOCKS = 4096;
    private static final long CONFIG_LIMIT = 1 << 20;
    private static final String MIXED = "Q4_K_M";

    private final SplittableRandom random;
    private final Map<String, byte[]> pools = new HashMap<>();

    private SyntheticModel(long seed) {
        random = new SplittableRandom(seed);
    }

    /// `config` is a config.json or a directory with one; `quant` names a format (`Q4_0`, `Q8_0`, ...) or `Q4_K_M`.
    public static Result write(Path config, Path target, String quant, boolean pure, long seed) throws IOException {
        if (Files.exists(target)) {
            throw Fault.of(EngineFault.OUTPUT_EXISTS, "the output already exists").where(target).next("choose another output").exception();
        }
        Path file = Files.isDirectory(config) ? config.resolve("config.json") : config;
        JsonNode raw = Json.readObject(file, CONFIG_LIMIT, EngineFault.CONFIG_INVALID);
        boolean tied = raw.path("tie_word_embeddings").asBoolean(false);
        ModelSpec spec = Families.translate(raw, tied ? Set.of() : Set.of("lm_head.weight"));
        String architecture = GgufHyperParameters.architecture(spec);
        List<String> unnamed = new ArrayList<>();
        List<Slot> slots = architecture == null ? List.of() : SlotPlan.gguf(spec, architecture, unnamed);
        if (architecture == null || !unnamed.isEmpty()) {
            throw Fault.of(EngineFault.NOT_EXPRESSIBLE, "models of this kind are not written as GGUF").where(file)
                    .got("model_type " + spec.modelType()).issues(unnamed).next("choose another config").exception();
        }
        DType type = type(quant);
        TensorPolicy policy = pure ? TensorPolicy.pure(type) : policy(type, quant.equals(MIXED), spec, tied);
        return new SyntheticModel(seed).write(target, spec, Families.read(raw), architecture, slots, policy);
    }

    private static DType type(String quant) {
        String name = quant.equals(MIXED) ? "Q4_K" : quant;
        for (DType type : DType.values()) {
            if (type.name().equals(name) && type != DType.PACKED && Quant.supports(type) && !Quant.format(type).readOnly()) return type;
        }
        throw Fault.of(EngineFault.UNSUPPORTED_DTYPE, "models are not written in this format").got(quant)
                .expected("Q4_0, Q8_0, Q4_K, Q4_K_M, Q5_K, Q6_K, MXFP4, BF16, F16 or F32").next("choose one of these").exception();
    }

    /// llama.cpp's choice without an importance matrix: the head, or the table that serves as head, in Q6_K; a mixed model
    /// has the values and the down projections of its outer and every third inner layer in Q6_K, too.
    static TensorPolicy policy(DType type, boolean mixed, ModelSpec spec, boolean tied) {
        TensorPolicy usual = TensorPolicy.of(type);
        Map<String, DType> overrides = new HashMap<>();
        if (!tied) overrides.put("token_embd.weight", type);
        int layers = spec.layers().size();
        for (int i = 0; mixed && i < layers; i++) {
            if (i >= layers / 8 && i < 7 * layers / 8 && (i - layers / 8) % 3 != 2) continue;
            overrides.put("blk." + i + ".attn_v.weight", DType.Q6_K);
            overrides.put("blk." + i + ".ffn_down.weight", DType.Q6_K);
        }
        return new TensorPolicy(type, usual.table(), overrides);
    }

    private Result write(Path target, ModelSpec spec, ModelConfig config, String architecture, List<Slot> slots, TensorPolicy policy)
            throws IOException {
        Map<String, GgufValue> metadata = new LinkedHashMap<>();
        metadata.put("general.architecture", GgufValue.text(architecture));
        metadata.put("general.type", GgufValue.text("model"));
        metadata.put("general.name", GgufValue.text("random weights in the shape of " + spec.modelType()));
        metadata.putAll(GgufHyperParameters.of(spec, config));
        metadata.put("general.file_type", GgufValue.u32(GgufQuantizer.fileType(policy.type())));
        metadata.put("general.quantization_version", GgufValue.u32(2));
        metadata.putAll(SyntheticVocabulary.pairs(spec.vocab()));
        List<TensorItem> items = new ArrayList<>();
        long parameters = 0;
        long bytes = 0;
        for (Slot slot : slots) {
            TensorItem item = item(slot, policy.choose(slot.name(), slot.shape(), DType.F32));
            items.add(item);
            parameters += item.bytes() / item.dtype().blockBytes() * item.dtype().blockElements();
            bytes += item.bytes();
        }
        GgufWriter.write(target, metadata, items);
        return new Result(items.size(), parameters, bytes);
    }

    private TensorItem item(Slot slot, DType dtype) {
        long[] shape = slot.shape();
        boolean matrix = shape.length > 1;
        // A table's rows are inputs as wide as a token's vector; everything else sums over its columns.
        double deviation = matrix ? 1 / Math.sqrt(shape[shape.length - 1]) : 0.05;
        byte[] pool = pools.computeIfAbsent(dtype + " " + deviation, _ -> pool(dtype, matrix ? 0 : 1, deviation));
        int blockBytes = dtype.blockBytes();
        return new TensorItem(slot.name(), dtype, shape, out -> {
            byte[] chunk = new byte[CHUNK_BLOCKS * blockBytes];
            long left = dtype.bytes(elements(shape)) / blockBytes;
            while (left > 0) {
                int count = (int) Math.min(left, CHUNK_BLOCKS);
                for (int i = 0; i < count; i++) System.arraycopy(pool, random.nextInt(POOL) * blockBytes, chunk, i * blockBytes, blockBytes);
                ByteBuffer buffer = ByteBuffer.wrap(chunk, 0, count * blockBytes);
                while (buffer.hasRemaining()) out.write(buffer);
                left -= count;
            }
        });
    }

    private byte[] pool(DType dtype, double mean, double deviation) {
        QuantFormat format = Quant.format(dtype);
        float[] values = new float[POOL * dtype.blockElements()];
        for (int i = 0; i < values.length; i++) values[i] = (float) (mean + deviation * random.nextGaussian());
        byte[] bytes = new byte[POOL * dtype.blockBytes()];
        format.encode(values, 0, values.length, MemorySegment.ofArray(bytes), 0);
        return bytes;
    }

    private static long elements(long[] shape) {
        long product = 1;
        for (long dim : shape) product = Math.multiplyExact(product, dim);
        return product;
    }
}
