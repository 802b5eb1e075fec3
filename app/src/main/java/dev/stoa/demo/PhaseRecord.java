// SPDX-License-Identifier: Apache-2.0
package dev.stoa.demo;

/// How a phase went: seconds, peak resident bytes, and whether it was reused from an earlier run.
public record PhaseRecord(
        String name, String title, double seconds, int budgetSeconds, boolean slow, long peakBytes, boolean reused) {}
