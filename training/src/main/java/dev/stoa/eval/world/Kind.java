// SPDX-License-Identifier: Apache-2.0
package dev.stoa.eval.world;

import java.util.Locale;

/// What an item asks for.
public enum Kind {
    /// the value of a key
    ASK,
    /// a line of the domain's own syntax with the value and the slots
    BUILD,
    /// yes or no: is this the value of that key
    VERIFY,
    /// the value of a key of the general table, without a domain
    GENERAL,
    /// an answer copied from the first of some notes
    READER,
    /// two or three requests in one prompt, one line each
    MULTI,
    /// a group chosen by planted association or by evidence
    BIAS,
    /// a polite reply without content
    FILLER;

    public String id() {
        return name().toLowerCase(Locale.ROOT);
    }
}
