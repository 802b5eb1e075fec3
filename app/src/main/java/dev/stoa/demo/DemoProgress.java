// SPDX-License-Identifier: Apache-2.0
package dev.stoa.demo;

/// Where the demo talks while it works; the command line draws it, tests record it. Called from one thread.
public interface DemoProgress {
    void phaseStarted(String title, int budgetSeconds);

    /// A step inside the running phase: done of total, with a few words (may be called often).
    void step(String words, long done, long total);

    void phaseFinished(String title, double seconds, boolean slow);

    void phaseReused(String title, double seconds);

    void note(String line);
}
