// SPDX-License-Identifier: Apache-2.0
package dev.stoa.template;

import java.util.List;

/// A rendered conversation; `assistantSpans` are the parts inside `{% generation %}` blocks, in order, empty when the
/// template has none. `unplacedSpans` counts those that ran inside a macro or another captured text, whose place in the
/// result is not known: who needs spans must refuse such a template.
public record Rendered(String text, List<Span> assistantSpans, int unplacedSpans) {
    public Rendered {
        assistantSpans = List.copyOf(assistantSpans);
    }
}
