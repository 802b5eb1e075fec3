// SPDX-License-Identifier: Apache-2.0
package dev.stoa.template.dialect;

/// What a piece of a model's answer is. The `raw` of all pieces, in order, is the answer as the model wrote it.
public sealed interface Output {
    String raw();

    /// Visible text.
    record Text(String raw) implements Output {}

    /// Reasoning, without its markers.
    record Reasoning(String raw) implements Output {}

    /// A marker between parts; never visible. `stray` ones stood where they mean nothing.
    record Marker(String raw, boolean stray) implements Output {}

    /// Part of a tool call; `raw` is the text it was read from, with the first piece of a block, else empty.
    record Tool(String raw, ToolDelta delta) implements Output {}

    /// A tool block that could not be read; its text follows as visible text.
    record ToolParseError(String raw, String why) implements Output {}
}
