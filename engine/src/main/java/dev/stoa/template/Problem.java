// SPDX-License-Identifier: Apache-2.0
package dev.stoa.template;

/// A wrong operation on values, before the interpreter adds the place; never leaves the package.
final class Problem extends RuntimeException {
    private static final long serialVersionUID = 1L;

    Problem(String what, Object... args) {
        super(args.length == 0 ? what : what.formatted(args), null, false, false);
    }
}
