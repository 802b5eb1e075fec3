// SPDX-License-Identifier: Apache-2.0
package dev.stoa.eval.world;

import java.util.List;

/// One sample of an expert's training: which parts of the answer are learned from the label and which keep the base's
/// own distribution.
///
/// @param soft one flag a part: true for KL(base ‖ expert), false for cross-entropy against the gold answer
public record ExpertRow(Item item, List<Boolean> soft) {
    public ExpertRow {
        soft = List.copyOf(soft);
        if (soft.size() != item.parts().size()) throw new IllegalArgumentException("one flag a part");
    }
}
