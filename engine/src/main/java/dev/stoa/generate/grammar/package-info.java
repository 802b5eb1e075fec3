// SPDX-License-Identifier: Apache-2.0
/// Answers that must have a form: byte-level grammars, what they allow of a vocabulary, schemas and tool calls as grammars.
package dev.stoa.generate.grammar;
