// SPDX-License-Identifier: Apache-2.0
package dev.stoa.adapter;

import dev.stoa.format.Sha256;
import dev.stoa.tensor.Tensor;
import java.util.List;
import java.util.SortedMap;
import java.util.TreeMap;

/// adapter_hash: SHA-256 over what an adapter does, not how it is packed.
///
/// For each tensor by canonical name (`layers.0.self_attn.q_proj.lora_A`, `.lora_B`, `.lora_B.bias`,
/// `.lora_magnitude_vector`; replaced tensors under their own name; replaced rows as `embed_tokens.token.17`): name, dtype
/// name, u32 rank, u64 dimensions, raw bytes; then for each updated module by path: path, effective scale as F64 bits, the
/// flags dora, fan_in_fan_out (0: updates are always [out, in]) and bias; then the number of invocation tokens and the
/// tokens as u32. Texts carry a u32 byte length.
public final class AdapterHash {
    private AdapterHash() {}

    /// Of an adapter of updates alone.
    public static String of(SortedMap<TargetId, Delta> entries) {
        return of(entries, new TreeMap<>(), new TreeMap<>(), List.of());
    }

    public static String of(SortedMap<TargetId, Delta> entries, SortedMap<String, Tensor> full, SortedMap<String, Adapter.TokenRows> tokens,
            List<Integer> invocationTokens) {
        SortedMap<String, Tensor> tensors = new TreeMap<>(full);
        SortedMap<String, Delta> modules = new TreeMap<>();
        entries.forEach((target, delta) -> {
            Delta.LowRank low = delta.update();
            modules.put(target.path(), delta);
            tensors.put(target.path() + ".lora_A", low.a());
            tensors.put(target.path() + ".lora_B", low.b());
            if (low.bias() != null) tensors.put(target.path() + ".lora_B.bias", low.bias());
            if (delta instanceof Delta.Dora dora) tensors.put(target.path() + ".lora_magnitude_vector", dora.magnitude());
        });
        tokens.forEach((path, rows) -> {
            for (int i = 0; i < rows.ids().size(); i++) tensors.put(path + ".token." + rows.ids().get(i), rows.rows().slice(i, i + 1));
        });
        Sha256 sum = new Sha256();
        tensors.forEach((name, tensor) -> {
            sum.text(name).text(tensor.dtype().name()).u32(tensor.rank());
            for (long dim : tensor.shape()) sum.u64(dim);
            sum.bytes(tensor.data().asSlice(0, tensor.bytes()));
        });
        modules.forEach((path, delta) -> sum.text(path).u64(Double.doubleToLongBits(delta.update().scale()))
                .u8(delta instanceof Delta.Dora ? 1 : 0).u8(0).u8(delta.update().bias() != null ? 1 : 0));
        sum.u32(invocationTokens.size());
        for (int token : invocationTokens) sum.u32(token);
        return sum.hex();
    }
}
