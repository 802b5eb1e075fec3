// SPDX-License-Identifier: Apache-2.0
package dev.stoa.library;

/// The content of `active.json`: which version of an expert serves, its manifest blob, and a number that grows by one
/// with every switch. `version` and `manifest` are null when the expert was withdrawn.
public record Active(String version, String manifest, long generation) {}
