// SPDX-License-Identifier: Apache-2.0
package dev.stoa.cache;

import java.util.List;

/// A constant amount of state, in named slots of floats, whatever the length of the sequence.
public record RecurrentShape(List<Slot> slots) implements StateShape {
    /// One array of the state.
    public record Slot(String name, long... dims) {
        public Slot {
            dims = dims.clone();
        }

        @Override
        public long[] dims() {
            return dims.clone();
        }

        public long floats() {
            long product = 1;
            for (long dim : dims) product = Math.multiplyExact(product, dim);
            return product;
        }
    }

    public RecurrentShape {
        slots = List.copyOf(slots);
    }

    /// Floats of one copy of the state.
    long floats() {
        return slots.stream().mapToLong(Slot::floats).sum();
    }

    @Override
    public String kind() {
        return "recurrent";
    }

    /// Two copies: the committed one and the one a forward pass works on.
    long bytes() {
        return 2 * floats() * Float.BYTES;
    }
}
