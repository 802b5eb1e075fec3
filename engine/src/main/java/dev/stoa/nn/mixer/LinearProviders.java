// SPDX-License-Identifier: Apache-2.0
package dev.stoa.nn.mixer;

import java.util.List;

/// The kinds of linear attention as services: `ServiceLoader` wants a class with a constructor of its own for each.
public abstract sealed class LinearProviders implements MixerProvider {
    private final LinearAttention.Provider provider;

    private LinearProviders(Recurrence rule) {
        provider = new LinearAttention.Provider(rule);
    }

    @Override
    public String kind() {
        return provider.kind();
    }

    @Override
    public List<MixerTensor> tensors(MixerConfig config) {
        return provider.tensors(config);
    }

    @Override
    public Mixer build(MixerBuildContext context) {
        return provider.build(context);
    }

    /// `retnet`.
    public static final class RetNet extends LinearProviders {
        public RetNet() {
            super(new Recurrence.RetNet());
        }
    }

    /// `gla`.
    public static final class Gla extends LinearProviders {
        public Gla() {
            super(new Recurrence.Gla());
        }
    }

    /// `deltanet`.
    public static final class DeltaNet extends LinearProviders {
        public DeltaNet() {
            super(new Recurrence.DeltaNet());
        }
    }

    /// `gsa`.
    public static final class Gsa extends LinearProviders {
        public Gsa() {
            super(new Recurrence.Gsa());
        }
    }

    /// `rwkv7`.
    public static final class Rwkv7 extends LinearProviders {
        public Rwkv7() {
            super(new Recurrence.Rwkv7());
        }
    }
}
