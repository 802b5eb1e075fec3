// SPDX-License-Identifier: Apache-2.0
package dev.stoa.memory;

/// Live counts and sizes of one tenant. `readOnly` is null, or says why writes are refused.
public record MemoryStats(int episodes, int facts, long seq, long logBytes, String readOnly) {}
