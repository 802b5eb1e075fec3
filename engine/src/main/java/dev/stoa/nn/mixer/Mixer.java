// SPDX-License-Identifier: Apache-2.0
package dev.stoa.nn.mixer;

import dev.stoa.cache.StateShape;

/// One layer's way of reading earlier tokens. Weights are shared and immutable; what a sequence remembers is in the
/// states of the call. A row's result depends on its own sequence only, and not on how the sequence was cut.
public interface Mixer extends AutoCloseable {
    /// What this layer keeps of a sequence.
    StateShape stateShape();

    /// Floats per row this mixer needs in each scratch slot.
    int[] widths();

    /// True when [#remember] alone stores what later tokens need, so that [#mix] may be called for some rows only.
    default boolean remembersApart() {
        return false;
    }

    /// Stores what later tokens need of all rows, for mixers that remember apart; the others do both in [#mix].
    default void remember(MixerCall call) {}

    /// y = or += the mixed rows.
    void mix(MixerCall call);

    /// Mixers own nothing unless they say so.
    @Override
    default void close() {}
}
