// SPDX-License-Identifier: Apache-2.0
package dev.stoa.cache;

import java.lang.foreign.MemorySegment;

/// Makes the states of one kind in one mode. Found by `ServiceLoader`; stateless.
public interface StateProvider {
    String kind();

    String mode();

    /// Bytes of a state.
    long bytes(StateShape shape, CacheLayout layout);

    /// An empty state in `memory`, which is zeroed and has exactly these bytes.
    LayerState create(StateShape shape, CacheLayout layout, MemorySegment memory);
}
