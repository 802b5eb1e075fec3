// SPDX-License-Identifier: Apache-2.0
package dev.stoa.model.convert;

import dev.stoa.model.ModelSpec;
import java.util.Map;
import java.util.TreeMap;

/// How every canonical tensor of a model changes on its way into another layout: order of rows and columns, folded norms,
/// the spelling of decays.
final class LayoutChange {
    private LayoutChange() {}

    /// Canonical name -> the source's tensor, and what turns it into that of `written`.
    static Map<String, Piece> pieces(SourceModel source, ModelSpec written) {
        Map<String, Float> before = FoldedNorms.of(source.spec());
        Map<String, Float> after = FoldedNorms.of(written);
        boolean negatedBefore = source.spec().layout().negatedDecay();
        boolean negatedAfter = written.layout().negatedDecay();
        Map<String, Piece> pieces = new TreeMap<>();
        source.bound().forEach((name, tensor) -> {
            boolean leaf = name.endsWith(".weight") || name.endsWith(".bias");
            String path = leaf ? name.substring(0, name.lastIndexOf('.')) : name;
            int[] rows = composed(source.spec().layout().rowMaps().get(path), written.layout().rowMaps().get(path));
            int[] columns = name.endsWith(".bias") ? null
                    : composed(source.spec().layout().columnMaps().get(path), written.layout().columnMaps().get(path));
            Piece.Decay decay = !name.endsWith("A_log") || negatedBefore == negatedAfter ? Piece.Decay.KEPT
                    : negatedAfter ? Piece.Decay.TO_NEGATED : Piece.Decay.FROM_NEGATED;
            pieces.put(name, new Piece(tensor, rows, columns, before.getOrDefault(name, 0f) - after.getOrDefault(name, 0f), decay));
        });
        return pieces;
    }

    /// Row i of the target is canonical row after[i], which is row inverse(before)[after[i]] of the source.
    private static int[] composed(int[] before, int[] after) {
        if (before == null) return after;
        int[] inverse = new int[before.length];
        for (int i = 0; i < before.length; i++) inverse[before[i]] = i;
        if (after == null) return inverse;
        int[] both = new int[after.length];
        boolean same = true;
        for (int i = 0; i < after.length; i++) {
            both[i] = inverse[after[i]];
            same &= both[i] == i;
        }
        return same ? null : both;
    }
}
