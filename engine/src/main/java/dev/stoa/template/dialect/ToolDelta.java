// SPDX-License-Identifier: Apache-2.0
package dev.stoa.template.dialect;

/// A piece of a tool call. The first of a call has its name and id; the fragments of one index concatenate to the
/// arguments, a JSON object in text.
public record ToolDelta(int index, String id, String name, String argumentsFragment) {}
