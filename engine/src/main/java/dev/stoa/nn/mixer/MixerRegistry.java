// SPDX-License-Identifier: Apache-2.0
package dev.stoa.nn.mixer;

import dev.stoa.EngineFault;
import dev.stoa.Fault;
import java.util.Collections;
import java.util.Map;
import java.util.ServiceLoader;
import java.util.SortedMap;
import java.util.TreeMap;

/// The kinds of mixers on the class path, by the string a config declares. Immutable.
public final class MixerRegistry {
    private static final MixerRegistry INSTALLED = of(ServiceLoader.load(MixerProvider.class));
    private final SortedMap<String, MixerProvider> byKind;

    private MixerRegistry(SortedMap<String, MixerProvider> byKind) {
        this.byKind = Collections.unmodifiableSortedMap(byKind);
    }

    /// What `ServiceLoader` found.
    public static MixerRegistry installed() {
        return INSTALLED;
    }

    /// A registry of the given providers; two of one kind are an error.
    public static MixerRegistry of(Iterable<MixerProvider> providers) {
        SortedMap<String, MixerProvider> byKind = new TreeMap<>();
        for (MixerProvider provider : providers) {
            MixerProvider other = byKind.put(provider.kind(), provider);
            if (other != null) {
                throw Fault.of(EngineFault.CONFIG_INVALID, "two mixers are registered as %s", provider.kind())
                        .got(other.getClass().getName() + " and " + provider.getClass().getName())
                        .next("remove one of them from the class path").exception();
            }
        }
        return new MixerRegistry(byKind);
    }

    public Map<String, MixerProvider> kinds() {
        return byKind;
    }

    /// The provider of `kind`.
    public MixerProvider find(String kind) {
        MixerProvider provider = byKind.get(kind);
        if (provider != null) return provider;
        throw Fault.of(EngineFault.CONFIG_UNKNOWN_TYPE, "no mixer is registered for this kind").got(kind)
                .expected("one of " + byKind.keySet()).exception();
    }
}
