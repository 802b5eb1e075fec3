// SPDX-License-Identifier: Apache-2.0
package dev.stoa.template.dialect;

/// What becomes of reasoning: part of the visible text with its markers, dropped from it, or handed out apart.
public enum ReasoningMode { SHOW, HIDE, CAPTURE }
