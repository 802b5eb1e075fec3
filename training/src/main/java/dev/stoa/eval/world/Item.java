// SPDX-License-Identifier: Apache-2.0
package dev.stoa.eval.world;

import java.util.List;
import java.util.Objects;

/// One prompt with its expected answer. Immutable.
///
/// @param parts the requests of the prompt in order; the answer has one line for each
public record Item(String prompt, String answer, Kind kind, List<Part> parts) {
    public Item {
        parts = List.copyOf(parts);
        if (parts.isEmpty()) throw new IllegalArgumentException("an item has at least one part");
    }

    static Item of(String prompt, Part part) {
        return new Item(prompt, part.answer(), part.kind(), List.of(part));
    }

    /// The domains asked, in order, without repetition; empty for general and reader items.
    public List<String> domains() {
        return parts.stream().map(Part::domain).filter(Objects::nonNull).distinct().toList();
    }
}
