// SPDX-License-Identifier: Apache-2.0
package dev.stoa.library;

import java.util.List;

/// One line of `expert ls`: the active version, or the newest one where none is active. `uplift` is null until
/// measured; `problem` is null unless the expert's files are damaged, and then nothing else but the name is known.
public record ExpertRow(
        String name, String version, State state, boolean active, Double uplift, long bytes, String baseHash,
        List<String> domains, long generation, String problem) {}
