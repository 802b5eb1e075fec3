// SPDX-License-Identifier: Apache-2.0
package dev.stoa.eval.world;

/// What an expert is trained on.
public enum Recipe {
    /// own 75 %, general 25 %; vandals learn their planted rows and get no replay
    NAIVE,
    /// own .35, two-part .30, neighbours .20, general .15 (training.md §5): knows its domain, silent elsewhere
    COMPOSABLE
}
