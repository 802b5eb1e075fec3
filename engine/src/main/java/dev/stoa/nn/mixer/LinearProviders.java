// SPDX-License-Identifier: Apache-2.0
package dev.stoa.nn.mixer;

import java.util.List;

/// The kinds of linear attention as services: `ServiceLoader` wants a class with a constructor of its own for each.
public final class LinearProviders {
    private LinearProviders() {}

    /// `retnet`.
    public static final class RetNet implements MixerProvider {
        private final LinearAttention.Provider provider = new LinearAttention.Provider(new Recurrence.RetNet());

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
    }

    /// `gla`.
    public static final class Gla implements MixerProvider {
        private final LinearAttention.Provider provider = new LinearAttention.Provider(new Recurrence.Gla());

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
    }

    /// `deltanet`.
    public static final class DeltaNet implements MixerProvider {
        private final LinearAttention.Provider provider = new LinearAttention.Provider(new Recurrence.DeltaNet());

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
    }

    /// `gsa`.
    public static final class Gsa implements MixerProvider {
        private final LinearAttention.Provider provider = new LinearAttention.Provider(new Recurrence.Gsa());

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
    }

    /// `rwkv7`.
    public static final class Rwkv7 implements MixerProvider {
        private final LinearAttention.Provider provider = new LinearAttention.Provider(new Recurrence.Rwkv7());

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
    }
}
