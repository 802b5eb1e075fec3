// SPDX-License-Identifier: Apache-2.0
package dev.stoa.adapter;

import dev.stoa.EngineFault;
import dev.stoa.Fault;
import dev.stoa.quant.Quant;
import dev.stoa.tensor.Tensor;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.SortedMap;
import java.util.TreeMap;

/// Collects what a dialect's reader found, checks every piece against the base, and in the end gives the adapter or one
/// fault that lists everything that does not fit. Not thread-safe.
final class AdapterBuilder {
    private static final int SHOWN = 50;
    final List<String> issues = new ArrayList<>();
    private final AdapterBase base;
    private final SortedMap<TargetId, Delta> entries = new TreeMap<>();
    private final SortedMap<String, Tensor> full = new TreeMap<>();
    private final SortedMap<String, Adapter.TokenRows> tokens = new TreeMap<>();
    private List<Integer> invocationTokens = List.of();

    AdapterBuilder(AdapterBase base) {
        this.base = base;
    }

    /// An update of the module at a canonical path; `label` is how the file calls it. Bias and magnitude may be null.
    void update(String label, String path, Tensor a, Tensor b, double scale, Tensor bias, Tensor magnitude) {
        long[] shape = base.modules().get(path);
        int before = issues.size();
        if (shape == null) {
            issues.add(label + ": the base has no such linear layer");
            return;
        }
        if (a.rank() != 2 || b.rank() != 2 || a.dim(0) != b.dim(1) || a.dim(0) == 0) {
            issues.add(label + ": lora_A " + a.describe() + " and lora_B " + b.describe() + " are not a pair (r, in), (out, r)");
            return;
        }
        if (a.dim(1) != shape[1] || b.dim(0) != shape[0]) {
            issues.add(label + ": adapter [" + b.dim(0) + ", " + a.dim(1) + "], base " + Arrays.toString(shape) + " [out, in]");
            return;
        }
        if (!Double.isFinite(scale)) issues.add(label + ": scale " + scale + " is not finite");
        usable(label + ": lora_A", a);
        usable(label + ": lora_B", b);
        if (bias != null && usable(label + ": lora_B.bias", bias) && bias.elements() != shape[0]) {
            issues.add(label + ": lora_B.bias " + bias.describe() + ", expected one value for each of " + shape[0] + " outputs");
        }
        if (magnitude != null && usable(label + ": magnitude", magnitude)) {
            if (magnitude.elements() != shape[0]) {
                issues.add(label + ": the magnitude " + magnitude.describe() + " has not one value for each of " + shape[0] + " outputs");
            } else {
                for (float m : Quant.decode(magnitude)) {
                    if (m > 0) continue;
                    issues.add(label + ": the magnitude holds " + m + ", expected values above 0");
                    break;
                }
            }
        }
        if (issues.size() > before) return;
        Delta.LowRank low = new Delta.LowRank(a, b, scale, bias == null ? null : bias.view(shape[0]));
        Delta delta = magnitude == null ? low : new Delta.Dora(low, magnitude.view(shape[0]), null);
        if (entries.put(TargetId.ofPath(path), delta) != null) issues.add(label + ": two pairs of tensors name the layer " + path);
    }

    /// A tensor that replaces one of the base.
    void replace(String label, String name, Tensor tensor) {
        long[] shape = base.tensors().get(name);
        if (shape == null) issues.add(label + " " + tensor.describe() + ": the base has no tensor " + name);
        else if (!Arrays.equals(shape, tensor.shape())) issues.add(label + ": " + tensor.describe() + ", base " + Arrays.toString(shape));
        else if (usable(label, tensor) && full.put(name, tensor) != null) issues.add(label + ": two tensors replace " + name);
    }

    /// Rows of a table that are replaced.
    void rows(String label, String path, List<Integer> ids, Tensor rows) {
        long[] shape = base.tensors().get(path + ".weight");
        if (shape == null || shape.length != 2) issues.add(label + ": the base has no table " + path);
        else if (rows.rank() != 2 || rows.dim(0) != ids.size() || rows.dim(1) != shape[1]) {
            issues.add(label + ": " + rows.describe() + ", expected [" + ids.size() + ", " + shape[1] + "]");
        } else if (ids.stream().anyMatch(id -> id < 0 || id >= shape[0]) || ids.stream().distinct().count() != ids.size()) {
            issues.add(label + ": tokens " + ids + ", expected different ids below " + shape[0]);
        } else if (usable(label, rows)) tokens.put(path, new Adapter.TokenRows(ids, rows));
    }

    void invocation(List<Integer> sequence) {
        invocationTokens = sequence;
    }

    private boolean usable(String label, Tensor tensor) {
        if (!FactorLayout.isFloat(tensor)) {
            issues.add(label + " has dtype " + tensor.dtype() + ", expected F32, F16 or BF16");
            return false;
        }
        if (FactorLayout.finite(tensor)) return true;
        issues.add(label + " holds NaN or infinity");
        return false;
    }

    /// The adapter, or the fault with everything that was noted.
    Adapter finish(Path file, String baseHash) {
        if (!issues.isEmpty()) {
            throw Fault.of(EngineFault.ADAPTER_INCOMPATIBLE, "the adapter does not fit this base: %d of its tensors are wrong", issues.size())
                    .where(file).next("use the base the adapter was trained on").issues(issues.stream().limit(SHOWN).toList()).exception();
        }
        if (entries.isEmpty() && full.isEmpty() && tokens.isEmpty()) {
            throw Fault.of(EngineFault.ADAPTER_INVALID, "the adapter changes nothing: it has no LoRA factors").where(file)
                    .expected("lora_A and lora_B pairs").next("export the adapter again").exception();
        }
        return new Adapter(AdapterHash.of(entries, full, tokens, invocationTokens), baseHash, entries, full, tokens, invocationTokens);
    }
}
