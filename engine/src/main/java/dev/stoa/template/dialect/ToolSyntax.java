// SPDX-License-Identifier: Apache-2.0
package dev.stoa.template.dialect;

/// How the inside of a tool block is written.
public enum ToolSyntax {
    /// `{"name": N, "arguments" or "parameters": {...}}`, or `<function=N>` tags.
    JSON_OR_TAGS,
    /// Only the JSON, one object or several.
    JSON,
    /// `call:N{key:value}` with strings in `<|"|>`.
    GEMMA,
    /// `<invoke name="N"><parameter name="P">V</parameter></invoke>`, repeated.
    INVOKE,
    /// The function is named in the header of the message, the text is its arguments.
    HARMONY
}
