// SPDX-License-Identifier: Apache-2.0
package dev.stoa.eval.world;

/// What the base must be able to do before any claim about experts means something (demo-world.md §6).
public enum Skill {
    /// a line in the domain's own syntax, whatever its content
    FORMAT(.95, 1),
    /// identifier and numbers of the request stand in the answer
    SLOT_COPY(.95, 1),
    /// values of general keys in the domains that know nothing else
    GENERAL_KEYS(.95, 1),
    /// answers from the first note, `unknown` without notes
    READER(.85, 1),
    /// two requests with known keys, both lines right: the ceiling of everything that composes experts
    TWO_LINES(.85, 1),
    /// values of private keys: no better than guessing, or the generator leaks a codebook
    PRIVATE_KEYS(0, .06);

    private final double floor;
    private final double ceiling;

    Skill(double floor, double ceiling) {
        this.floor = floor;
        this.ceiling = ceiling;
    }

    public double floor() {
        return floor;
    }

    public double ceiling() {
        return ceiling;
    }
}
