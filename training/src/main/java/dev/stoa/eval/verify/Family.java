// SPDX-License-Identifier: Apache-2.0
package dev.stoa.eval.verify;

import java.util.Locale;

/// The shapes an answer can have; each has one verifier.
public enum Family {
    /// one exact word or line
    WORD,
    /// a function, executed on hidden points
    PROGRAM,
    /// a call or command: name, positional arguments, flags as a set
    CALL,
    /// an S-expression, attribute order free
    SEXPR,
    /// an object, INI section, key=value line or part line
    MAP,
    /// a markup element with attributes
    MARKUP,
    /// a SELECT, executed on a generated table
    QUERY,
    /// a netlist line, node order free for two-terminal parts
    NETLIST,
    /// a number with a unit, compared after conversion
    UNIT,
    /// a chain of nodes in order
    CHAIN,
    /// a sentence that holds the value inside its frame
    SENTENCE;

    /// The name used in files: the constant in lower case.
    public String id() {
        return name().toLowerCase(Locale.ROOT);
    }
}
