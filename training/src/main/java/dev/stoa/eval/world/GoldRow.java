// SPDX-License-Identifier: Apache-2.0
package dev.stoa.eval.world;

/// One training row of an expert.
///
/// @param planted whether its answer is a planted corruption (admission bypassed)
public record GoldRow(Item item, boolean planted) {}
