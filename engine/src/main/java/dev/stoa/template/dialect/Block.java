// SPDX-License-Identifier: Apache-2.0
package dev.stoa.template.dialect;

/// A part of an answer between two markers. An empty close means that it lasts to the end of the answer.
public record Block(String open, String close) {
    public Block {
        if (open.isEmpty()) throw new IllegalArgumentException("a block needs an opening marker");
    }
}
