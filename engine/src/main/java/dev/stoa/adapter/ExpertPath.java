// SPDX-License-Identifier: Apache-2.0
package dev.stoa.adapter;

import java.util.regex.Matcher;
import java.util.regex.Pattern;

/// The path of one expert's projection, taken apart: `layers.0.mlp` `.experts.` 3 `.` `gate_proj`.
record ExpertPath(String parent, int expert, String projection) {
    private static final Pattern PATH = Pattern.compile("(.+)\\.experts\\.(\\d{1,6})\\.([^.]+)");

    /// Null when it is the path of another module.
    static ExpertPath of(String path) {
        Matcher match = PATH.matcher(path);
        return match.matches() ? new ExpertPath(match.group(1), Integer.parseInt(match.group(2)), match.group(3)) : null;
    }
}
