// SPDX-License-Identifier: Apache-2.0
package dev.stoa.adapter;

import java.util.Comparator;

/// Which linear layer a delta belongs to: `module` is the Hugging Face path inside the layer
/// (`self_attn.q_proj`), or the path from the root with layer -1 (`lm_head`).
public record TargetId(int layer, String module) implements Comparable<TargetId> {
    private static final Comparator<TargetId> ORDER =
            Comparator.comparingInt(TargetId::layer).thenComparing(TargetId::module);

    /// Canonical path of the module, as in `ModelSpec`.
    public String path() {
        return layer < 0 ? module : "layers." + layer + "." + module;
    }

    /// The inverse of [#path].
    public static TargetId ofPath(String path) {
        if (!path.startsWith("layers.")) return new TargetId(-1, path);
        int dot = path.indexOf('.', 7);
        return new TargetId(Integer.parseInt(path.substring(7, dot)), path.substring(dot + 1));
    }

    @Override
    public int compareTo(TargetId other) {
        return ORDER.compare(this, other);
    }
}
