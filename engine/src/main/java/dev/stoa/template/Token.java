// SPDX-License-Identifier: Apache-2.0
package dev.stoa.template;

/// A piece of a template: its kind, its text (for STRING and DATA the value), and its character offset.
record Token(Kind kind, String text, int at) {
    enum Kind { DATA, BLOCK_BEGIN, BLOCK_END, OUTPUT_BEGIN, OUTPUT_END, NAME, STRING, INTEGER, FLOAT, OPERATOR, END }

    boolean is(Kind wanted, String value) {
        return kind == wanted && text.equals(value);
    }
}
