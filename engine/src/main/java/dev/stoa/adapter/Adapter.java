// SPDX-License-Identifier: Apache-2.0
package dev.stoa.adapter;

import dev.stoa.tensor.Tensor;
import java.util.Collections;
import java.util.List;
import java.util.SortedMap;
import java.util.TreeMap;

/// An immutable adapter in memory. `hash` is the adapter_hash of its content: equal hash, equal effect.
/// `baseHash` is the model_hash it was trained on, or null when the source did not say.
///
/// @param entries updates of linear layers and of the input table
/// @param full tensors that replace those of the base, by canonical name (`lm_head.weight`, `layers.0.mlp.up_proj.bias`)
/// @param tokens rows of tables that are replaced, by module path (`embed_tokens`)
/// @param invocationTokens when not empty, the adapter acts only after this sequence (activated LoRA)
public record Adapter(String hash, String baseHash, SortedMap<TargetId, Delta> entries, SortedMap<String, Tensor> full,
        SortedMap<String, TokenRows> tokens, List<Integer> invocationTokens) {
    /// New rows (n, width) for these token ids.
    public record TokenRows(List<Integer> ids, Tensor rows) {
        public TokenRows {
            ids = List.copyOf(ids);
            if (rows.rows() != ids.size()) throw new IllegalArgumentException(rows.describe() + " for " + ids.size() + " tokens");
        }
    }

    public Adapter {
        entries = Collections.unmodifiableSortedMap(new TreeMap<>(entries));
        full = Collections.unmodifiableSortedMap(new TreeMap<>(full));
        tokens = Collections.unmodifiableSortedMap(new TreeMap<>(tokens));
        invocationTokens = List.copyOf(invocationTokens);
    }

    /// An adapter of updates alone.
    public Adapter(String hash, String baseHash, SortedMap<TargetId, Delta> entries) {
        this(hash, baseHash, entries, new TreeMap<>(), new TreeMap<>(), List.of());
    }

    /// Whether it is updates alone: no replaced tensors or rows, always active.
    public boolean updatesOnly() {
        return full.isEmpty() && tokens.isEmpty() && invocationTokens.isEmpty();
    }

    public long bytes() {
        long sum = 0;
        for (Delta delta : entries.values()) sum += delta.bytes();
        for (Tensor tensor : full.values()) sum += tensor.bytes();
        for (TokenRows rows : tokens.values()) sum += rows.rows().bytes();
        return sum;
    }
}
