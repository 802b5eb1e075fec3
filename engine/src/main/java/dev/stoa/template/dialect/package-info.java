// SPDX-License-Identifier: Apache-2.0
/// What models write around their answers: reasoning markers and tool calls, by family, parsed while it streams.
package dev.stoa.template.dialect;
