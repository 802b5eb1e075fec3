// SPDX-License-Identifier: Apache-2.0
package dev.stoa.template;

import java.util.List;

/// A rendered conversation; `assistantSpans` are the parts inside `{% generation %}` blocks, in order, empty when the
/// template has none.
public record Rendered(String text, List<Span> assistantSpans) {
    public Rendered {
        assistantSpans = List.copyOf(assistantSpans);
    }
}
