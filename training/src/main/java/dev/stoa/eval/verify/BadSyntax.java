// SPDX-License-Identifier: Apache-2.0
package dev.stoa.eval.verify;

/// A text that is no answer of its family; the message says why.
final class BadSyntax extends Exception {
    private static final long serialVersionUID = 1L;

    BadSyntax(String why, Object... args) {
        super(args.length == 0 ? why : why.formatted(args));
    }
}
