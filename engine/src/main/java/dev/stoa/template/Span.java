// SPDX-License-Identifier: Apache-2.0
package dev.stoa.template;

/// Characters [begin, end) of a rendered text.
public record Span(int begin, int end) {}
