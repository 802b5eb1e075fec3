// SPDX-License-Identifier: Apache-2.0
package dev.stoa.memory;

/// SOFT hides at once and leaves the bytes to the next compaction; HARD also rewrites every file and checks them.
public enum ForgetMode { SOFT, HARD }
