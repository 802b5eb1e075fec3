// SPDX-License-Identifier: Apache-2.0
package dev.stoa.model.pack;

import java.util.Collections;
import java.util.List;
import java.util.SortedMap;
import java.util.TreeMap;

/// What a pack is. Texts are null and numbers 0 where the files do not tell.
///
/// @param format safetensors, mlx or gguf
/// @param params exact number of weights of the text model
/// @param bytes of the weight files
/// @param quant role of matrices (embedding, attention, feed_forward, experts, head, other) -> their formats
/// @param tokenizerKind the tokenizer's model type as its file says it
/// @param supported whether nothing keeps the pack from being used
/// @param adapters directories inside the pack that hold adapters
public record PackReport(
        String path,
        String format,
        String family,
        String modelType,
        int layers,
        int hidden,
        int vocab,
        int context,
        SortedMap<String, String> quant,
        long params,
        long bytes,
        String tokenizerKind,
        int tokenizerSize,
        String tokenizerHash,
        String templateHash,
        List<String> adapters,
        boolean supported,
        List<String> capabilities,
        List<PackIssue> issues) {
    public PackReport {
        quant = Collections.unmodifiableSortedMap(new TreeMap<>(quant));
        adapters = List.copyOf(adapters);
        capabilities = List.copyOf(capabilities);
        issues = List.copyOf(issues);
        boolean error = issues.stream().anyMatch(issue -> issue.severity() == PackIssue.Severity.ERROR);
        if (supported == error) throw new IllegalArgumentException("a pack is supported exactly when no issue is an error");
    }
}
