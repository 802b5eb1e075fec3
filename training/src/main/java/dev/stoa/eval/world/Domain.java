// SPDX-License-Identifier: Apache-2.0
package dev.stoa.eval.world;

import dev.stoa.eval.verify.Family;
import java.util.List;

/// One entry of the catalog.
///
/// @param label    the router's output: the domain's own name, or the merged label it belongs to
/// @param keywords the words that name the domain in prompts
/// @param family   how its answers are verified
/// @param answer   surface syntax of its answers
/// @param keys     size of its codebook, the keys of the general table included
/// @param gold     training rows
public record Domain(
        String name, String tier, String intent, String label, List<String> keywords, Family family,
        AnswerPattern answer, int keys, int gold) {
    public Domain {
        keywords = List.copyOf(keywords);
    }

    /// Whether values are printed as the pair of numbers of a function instead of a word.
    public boolean program() {
        return family == Family.PROGRAM;
    }
}
