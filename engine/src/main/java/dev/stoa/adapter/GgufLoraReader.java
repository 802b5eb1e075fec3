// SPDX-License-Identifier: Apache-2.0
package dev.stoa.adapter;

import static dev.stoa.EngineFault.ADAPTER_INVALID;

import dev.stoa.Fault;
import dev.stoa.format.Gguf;
import dev.stoa.format.GgufMetadata;
import dev.stoa.quant.Quant;
import dev.stoa.tensor.DType;
import dev.stoa.tensor.Scope;
import dev.stoa.tensor.Tensor;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/// Reads a GGUF LoRA: `<base tensor>.lora_a` (r, in) and `.lora_b` (out, r), stacked for experts, A of the token table
/// transposed. The scale of a module is alpha / its own rank, or 1 when alpha is 0. The adapter comes back in canonical
/// order of rows and columns; plain factors are mapped, permuted or packed ones copied into the scope.
public final class GgufLoraReader {
    private static final String TABLE = "token_embd.weight";

    private GgufLoraReader() {}

    public static Adapter read(Path file, GgufNames names, AdapterBase base, Scope scope) throws IOException {
        Gguf gguf = Gguf.open(file, scope);
        double alpha = alpha(gguf.metadata(), names);
        AdapterBuilder builder = new AdapterBuilder(base);
        Map<String, Tensor[]> modules = new TreeMap<>();
        for (String name : gguf.names()) {
            boolean isA = name.endsWith(".lora_a");
            if (!isA && !name.endsWith(".lora_b")) {
                builder.issues.add(name + " " + gguf.find(name).describe() + ": neither lora_a nor lora_b");
                continue;
            }
            modules.computeIfAbsent(name.substring(0, name.length() - 7), key -> new Tensor[2])[isA ? 0 : 1] = floats(gguf.find(name), scope);
        }
        modules.forEach((name, pair) -> module(name, pair, alpha, names, builder, scope));
        if (gguf.metadata().has("adapter.alora.invocation_tokens")) {
            List<Integer> tokens = new ArrayList<>();
            for (int token : gguf.metadata().integers("adapter.alora.invocation_tokens")) tokens.add(token);
            builder.invocation(tokens);
        }
        return builder.finish(file, null);
    }

    private static double alpha(GgufMetadata metadata, GgufNames names) {
        String type = metadata.text("general.type", "model") + "/" + metadata.text("adapter.type", "");
        if (!type.equals("adapter/lora")) {
            throw Fault.of(ADAPTER_INVALID, "the file is no LoRA adapter").where(metadata.file()).got(type).expected("adapter/lora")
                    .next("check that this is the right file").exception();
        }
        String architecture = metadata.text("general.architecture");
        if (!architecture.equals(names.architecture())) {
            throw Fault.of(ADAPTER_INVALID, "the adapter is for another architecture").where(metadata.file()).got(architecture)
                    .expected(names.architecture()).next("use the base the adapter was trained on").exception();
        }
        return metadata.number("adapter.lora.alpha");
    }

    /// Factors are small: packed ones (Q8_0) are decoded.
    private static Tensor floats(Tensor tensor, Scope scope) {
        if (FactorLayout.isFloat(tensor) || !Quant.supports(tensor.dtype())) return tensor;
        return Quant.encode(Quant.decode(tensor), DType.F32, scope, tensor.shape());
    }

    private static void module(String name, Tensor[] pair, double alpha, GgufNames names, AdapterBuilder builder, Scope scope) {
        String path = names.modules().get(name);
        Tensor a = pair[0];
        Tensor b = pair[1];
        if (path == null || a == null || b == null) {
            builder.issues.add(name + ": " + (path == null ? "the base has no such tensor" : "lora_" + (a == null ? "a" : "b") + " is missing"));
            return;
        }
        boolean stacked = path.contains("{e}");
        if (!FactorLayout.isFloat(a) || !FactorLayout.isFloat(b) || a.rank() != (stacked ? 3 : 2) || b.rank() != a.rank()
                || stacked && a.dim(0) != b.dim(0)) {
            builder.issues.add(name + ": lora_a " + a.describe() + " and lora_b " + b.describe() + " are no pair of float factors");
            return;
        }
        double scale = alpha == 0 ? 1 : alpha / b.cols();
        if (name.equals(TABLE)) a = FactorLayout.transpose(a, scope);
        if (!stacked) {
            builder.update(name, path, columns(a, names.columns().get(path), scope), rows(b, names.rows().get(path), scope), scale, null, null);
            return;
        }
        int rank = Math.toIntExact(a.dim(1));
        int out = Math.toIntExact(b.dim(1));
        for (int e = 0; e < a.dim(0); e++) {
            builder.update(name, path.replace("{e}", String.valueOf(e)), a.slice(e * rank, (e + 1) * rank), b.slice(e * out, (e + 1) * out), scale, null, null);
        }
    }

    private static Tensor rows(Tensor b, int[] order, Scope scope) {
        return order == null || order.length != b.rows() ? b : FactorLayout.rows(b, FactorLayout.inverse(order), scope);
    }

    private static Tensor columns(Tensor a, int[] order, Scope scope) {
        return order == null || order.length != a.cols() ? a : FactorLayout.columns(a, FactorLayout.inverse(order), scope);
    }
}
