// SPDX-License-Identifier: Apache-2.0
package dev.stoa.template.dialect;

/// One call as the model wrote it: `arguments` is a JSON object in text.
record ToolCall(String name, String arguments) {}
