// SPDX-License-Identifier: Apache-2.0
package dev.stoa.model;

import java.util.List;
import java.util.Map;
import java.util.regex.Pattern;

/// How the files at hand differ from the canonical layout: names, folded norms, order of rows and columns. Base weights
/// are never permuted; where their order differs, adapters trained on the canonical order are permuted when they are read.
///
/// @param renames applied in order to each name, after its prefix is stripped
/// @param negatedDecay `A_log` is stored as -exp(A_log) (GGUF)
/// @param rowMaps, columnMaps module path -> for each row (column) of the file's matrix, its canonical index
public record Layout(
        List<Rename> renames, boolean negatedDecay, Map<String, int[]> rowMaps, Map<String, int[]> columnMaps) {
    /// Names that match are rewritten.
    public record Rename(Pattern pattern, String replacement) {
        public Rename(String pattern, String replacement) {
            this(Pattern.compile(pattern), replacement);
        }
    }

    /// Hugging Face names and order.
    public static final Layout CANONICAL = new Layout(List.of(), false, Map.of(), Map.of());

    public Layout {
        renames = List.copyOf(renames);
        rowMaps = Map.copyOf(rowMaps);
        columnMaps = Map.copyOf(columnMaps);
    }

    public static Layout renamed(List<Rename> renames) {
        return new Layout(renames, false, Map.of(), Map.of());
    }

    /// The canonical name of a name without prefix.
    public String canonical(String name) {
        String result = name;
        for (Rename rename : renames) result = rename.pattern().matcher(result).replaceFirst(rename.replacement());
        return result;
    }
}
