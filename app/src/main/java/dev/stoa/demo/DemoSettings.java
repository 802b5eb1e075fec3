// SPDX-License-Identifier: Apache-2.0
package dev.stoa.demo;

import dev.stoa.eval.world.WorldSize;

/// How much of everything a size trains and measures. The values were tuned on seeds 1 to 3 (`dev/LOG.md`).
///
/// @param baseSteps      optimizer steps of the base; the rate decays over all of them
/// @param expertSteps    most steps of a composable expert; it lands earlier once it knows its table
/// @param naiveSteps     most steps of a naive one
/// @param checkItems     items a skill in the base's quick check; four times as many in the final one
/// @param perDomain      scored items per domain
/// @param perPair        scored items per pair or quad of experts
/// @param episodes       dialogues of the memory claim
/// @param swapRequests   requests sent while experts are swapped and rolled back
record DemoSettings(
        int baseSteps, int expertSteps, int naiveSteps, int checkItems, int perDomain, int perPair, int episodes,
        int swapRequests) {
    static DemoSettings of(WorldSize size) {
        return switch (size) {
            case TINY -> throw new IllegalArgumentException("the tiny world is a test fixture, not a demo");
            case CI -> new DemoSettings(480, 432, 64, 64, 128, 96, 10, 1000);
            case SMALL -> new DemoSettings(650, 432, 64, 64, 256, 192, 20, 1000);
            case FULL -> new DemoSettings(650, 432, 64, 64, 256, 256, 20, 1000);
        };
    }
}
