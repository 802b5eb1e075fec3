// SPDX-License-Identifier: Apache-2.0
package dev.stoa.format;

import dev.stoa.EngineFault;
import dev.stoa.Fault;
import dev.stoa.quant.Quant;
import dev.stoa.tensor.DType;
import dev.stoa.tensor.Ledger;
import dev.stoa.tensor.Scope;
import dev.stoa.tensor.Tensor;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/// Writes a GGUF model again with its tensors in other formats, one tensor after another: the source stays mapped, a few
/// rows at a time are on the heap. Blocks are bit for bit those that llama.cpp writes without an importance matrix.
public final class GgufQuantizer {
    /// What one tensor was and became.
    public record Change(String name, DType from, DType to, long bytesBefore, long bytesAfter) {}

    private GgufQuantizer() {}

    /// Creates or replaces `target`. The origin of the copy is recorded in its metadata (`stoa.origin.*`), so that an
    /// adapter trained on the source may be mounted on it.
    public static List<Change> quantize(Path source, Path target, TensorPolicy policy) throws IOException {
        try (Scope scope = new Ledger().scope("quantize")) {
            Gguf gguf = Gguf.open(source, scope);
            List<TensorItem> items = new ArrayList<>();
            List<Change> changes = new ArrayList<>();
            List<String> issues = new ArrayList<>();
            for (String name : gguf.order()) {
                Tensor tensor = gguf.find(name);
                DType to = Quant.supports(tensor.dtype()) ? policy.choose(name, tensor.shape(), tensor.dtype()) : tensor.dtype();
                if (to != tensor.dtype() && Quant.format(to).readOnly()) issues.add(name + ": " + to + " is only read");
                else items.add(TensorItem.encode(name, tensor, to));
                changes.add(new Change(name, tensor.dtype(), to, tensor.bytes(), to.bytes(tensor.elements())));
            }
            if (!issues.isEmpty()) {
                throw Fault.of(EngineFault.UNSUPPORTED_DTYPE, "the plan asks for formats that are not written").where(source).issues(issues)
                        .next("choose a format that is written").exception();
            }
            GgufWriter.write(target, metadata(gguf, policy), items);
            return changes;
        }
    }

    private static Map<String, GgufValue> metadata(Gguf gguf, TensorPolicy policy) throws IOException {
        Map<String, GgufValue> metadata = new LinkedHashMap<>();
        for (String key : gguf.metadata().keys()) if (!key.startsWith("split.")) metadata.put(key, gguf.metadata().get(key));
        metadata.put("general.file_type", GgufValue.u32(fileType(policy.type())));
        metadata.put("general.quantization_version", GgufValue.u32(2));
        metadata.putAll(Gguf.originOf(gguf));
        return metadata;
    }

    /// llama.cpp's `general.file_type` for a model mostly of that type.
    public static int fileType(DType type) {
        return switch (type) {
            case F32 -> 0;
            case F16 -> 1;
            case Q4_0 -> 2;
            case Q8_0 -> 7;
            case Q4_K -> 14;
            case Q5_K -> 16;
            case Q6_K -> 18;
            case BF16 -> 32;
            case MXFP4 -> 38;
            case NVFP4 -> 39;
            default -> throw Fault.of(EngineFault.UNSUPPORTED_DTYPE, "models are not written as %s", type).got(type)
                    .expected("F32, F16, BF16, Q8_0, Q6_K, Q5_K, Q4_K, Q4_0, MXFP4 or NVFP4").next("choose one of these").exception();
        };
    }
}
