// SPDX-License-Identifier: Apache-2.0
package dev.stoa.kernel;

import java.lang.foreign.MemorySegment;

/// The two loops that tell what the machine can do at most: arithmetic without memory, memory without arithmetic.
/// They run on the calling thread; [Limits] times them.
public interface Ceiling {
    /// Floating-point operations of one round of [#multiplyAdds].
    int operationsPerRound();

    /// Rounds of independent multiply-adds in registers. The result only keeps the work alive.
    float multiplyAdds(int rounds);

    /// Reads bytes [from, to), a multiple of 1 KiB. The result only keeps the work alive.
    float read(MemorySegment data, long from, long to);
}
