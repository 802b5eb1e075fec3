// SPDX-License-Identifier: Apache-2.0
package dev.stoa.nn.mixer;

import java.util.List;

/// A kind of mixer, found by `ServiceLoader`: which tensors it needs, and how it is built over them.
public interface MixerProvider {
    /// The kind as configs name it, for example `gated_deltanet`.
    String kind();

    /// Every tensor of one layer of this kind; also checks the config.
    List<MixerTensor> tensors(MixerConfig config);

    Mixer build(MixerBuildContext context);
}
