// SPDX-License-Identifier: Apache-2.0
package dev.stoa.adapter;

import dev.stoa.format.Sha256;
import dev.stoa.tensor.Tensor;
import java.util.HashSet;
import java.util.Set;
import java.util.SortedMap;
import java.util.TreeMap;

/// adapter_hash: SHA-256 over what an adapter does, not how it is packed.
///
/// For each tensor by canonical name (`layers.0.self_attn.q_proj.lora_A`): name, dtype name, u32 rank, u64 dimensions,
/// raw bytes; then for each module by path: path, effective scale as F64 bits, the flags dora, fan_in_fan_out, bias
/// (all 0 for a plain low-rank update); then the number of invocation tokens (0). Texts carry a u32 byte length.
public final class AdapterHash {
    private AdapterHash() {}

    public static String of(SortedMap<TargetId, Delta> entries) {
        SortedMap<String, Tensor> tensors = new TreeMap<>();
        SortedMap<String, Double> scales = new TreeMap<>();
        Set<String> decomposed = new HashSet<>();
        entries.forEach((target, delta) -> {
            Delta.LowRank low = delta.update();
            tensors.put(target.path() + ".lora_A", low.a());
            tensors.put(target.path() + ".lora_B", low.b());
            scales.put(target.path(), low.scale());
            if (delta instanceof Delta.Dora dora) {
                tensors.put(target.path() + ".lora_magnitude_vector", dora.magnitude());
                decomposed.add(target.path());
            }
        });
        Sha256 sum = new Sha256();
        tensors.forEach((name, tensor) -> {
            sum.text(name).text(tensor.dtype().name()).u32(tensor.rank());
            for (long dim : tensor.shape()) sum.u64(dim);
            sum.bytes(tensor.data().asSlice(0, tensor.bytes()));
        });
        scales.forEach((path, scale) -> sum.text(path).u64(Double.doubleToLongBits(scale)).u8(decomposed.contains(path) ? 1 : 0).u8(0).u8(0));
        return sum.u32(0).hex();
    }
}
