// SPDX-License-Identifier: Apache-2.0
package dev.stoa.template;

/// One turn of a conversation: role is `system`, `user`, `assistant` or `tool`.
public record Message(String role, String content) {}
