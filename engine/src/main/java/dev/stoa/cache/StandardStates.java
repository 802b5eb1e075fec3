// SPDX-License-Identifier: Apache-2.0
package dev.stoa.cache;

import java.lang.foreign.MemorySegment;

/// The states that come with the engine, as services: `ServiceLoader` wants a class for each kind and mode.
public final class StandardStates {
    private StandardStates() {}

    /// A slab with a slot for every token.
    private abstract static sealed class Slab implements StateProvider {
        private final String kind;

        Slab(String kind) {
            this.kind = kind;
        }

        @Override
        public String kind() {
            return kind;
        }

        @Override
        public String mode() {
            return "bounded";
        }

        @Override
        public long bytes(StateShape shape, CacheLayout layout) {
            return ((KvShape) shape).bytes(layout.capacity());
        }

        @Override
        public LayerState create(StateShape shape, CacheLayout layout, MemorySegment memory) {
            return new KvSlab((KvShape) shape, layout.capacity(), memory);
        }
    }

    /// `kv/bounded`.
    public static final class KvBounded extends Slab {
        public KvBounded() {
            super("kv");
        }
    }

    /// `blocks/bounded`.
    public static final class BlocksBounded extends Slab {
        public BlocksBounded() {
            super("blocks");
        }
    }

    /// `latent/bounded`.
    public static final class LatentBounded extends Slab {
        public LatentBounded() {
            super("latent");
        }
    }

    /// `kv/sliding`: a ring of the layer's window.
    public static final class KvSliding implements StateProvider {
        @Override
        public String kind() {
            return "kv";
        }

        @Override
        public String mode() {
            return "sliding";
        }

        @Override
        public long bytes(StateShape shape, CacheLayout layout) {
            KvShape kv = (KvShape) shape;
            return kv.bytes(layout.ringSlots(kv.window()));
        }

        @Override
        public LayerState create(StateShape shape, CacheLayout layout, MemorySegment memory) {
            KvShape kv = (KvShape) shape;
            return new KvRing(kv, layout.ringSlots(kv.window()), 0, kv.window(), memory);
        }
    }

    /// `kv/rotating`: the first tokens and the newest.
    public static final class KvRotating implements StateProvider {
        @Override
        public String kind() {
            return "kv";
        }

        @Override
        public String mode() {
            return "rotating";
        }

        @Override
        public long bytes(StateShape shape, CacheLayout layout) {
            return ((KvShape) shape).bytes(layout.rotatingSlots());
        }

        @Override
        public LayerState create(StateShape shape, CacheLayout layout, MemorySegment memory) {
            return new KvRing((KvShape) shape, layout.rotatingSlots(), CacheLayout.KEEP, layout.context() - CacheLayout.KEEP, memory);
        }
    }

    /// A constant amount of state, whatever the mode.
    private abstract static sealed class Constant implements StateProvider {
        private final String mode;

        Constant(String mode) {
            this.mode = mode;
        }

        @Override
        public String kind() {
            return "recurrent";
        }

        @Override
        public String mode() {
            return mode;
        }

        @Override
        public long bytes(StateShape shape, CacheLayout layout) {
            return ((RecurrentShape) shape).bytes();
        }

        @Override
        public LayerState create(StateShape shape, CacheLayout layout, MemorySegment memory) {
            return new RecurrentState((RecurrentShape) shape, memory);
        }
    }

    /// `recurrent/bounded`.
    public static final class RecurrentBounded extends Constant {
        public RecurrentBounded() {
            super("bounded");
        }
    }

    /// `recurrent/rotating`.
    public static final class RecurrentRotating extends Constant {
        public RecurrentRotating() {
            super("rotating");
        }
    }
}
