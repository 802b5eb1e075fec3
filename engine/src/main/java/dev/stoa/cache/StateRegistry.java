// SPDX-License-Identifier: Apache-2.0
package dev.stoa.cache;

import dev.stoa.EngineFault;
import dev.stoa.Fault;
import java.util.Collections;
import java.util.ServiceLoader;
import java.util.SortedMap;
import java.util.SortedSet;
import java.util.TreeMap;
import java.util.TreeSet;

/// What can remember a layer: state kind x cache mode, `kind/mode`. Immutable.
public final class StateRegistry {
    private static final StateRegistry INSTALLED = of(ServiceLoader.load(StateProvider.class));
    private final SortedMap<String, StateProvider> byKey;

    private StateRegistry(SortedMap<String, StateProvider> byKey) {
        this.byKey = byKey;
    }

    /// What `ServiceLoader` found.
    public static StateRegistry installed() {
        return INSTALLED;
    }

    /// A registry of the given providers; two of one kind and mode are an error.
    public static StateRegistry of(Iterable<StateProvider> providers) {
        SortedMap<String, StateProvider> byKey = new TreeMap<>();
        for (StateProvider provider : providers) {
            String key = provider.kind() + "/" + provider.mode();
            StateProvider other = byKey.put(key, provider);
            if (other != null) {
                throw Fault.of(EngineFault.CONFIG_INVALID, "two caches are registered as %s", key)
                        .got(other.getClass().getName() + " and " + provider.getClass().getName())
                        .next("remove one of them from the class path").exception();
            }
        }
        return new StateRegistry(byKey);
    }

    public SortedSet<String> keys() {
        return Collections.unmodifiableSortedSet(new TreeSet<>(byKey.keySet()));
    }

    /// The provider of a kind in a mode.
    public StateProvider find(String kind, String mode) {
        StateProvider provider = byKey.get(kind + "/" + mode);
        if (provider != null) return provider;
        throw Fault.of(EngineFault.CONFIG_UNKNOWN_TYPE, "a layer that remembers %s has no cache of this mode", kind).got(kind + "/" + mode)
                .expected("one of " + byKey.keySet()).next("choose another cache mode").exception();
    }

    StateProvider find(StateShape shape, CacheLayout layout) {
        return find(shape.kind(), layout.modeOf(shape));
    }
}
