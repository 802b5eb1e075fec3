// SPDX-License-Identifier: Apache-2.0
package dev.stoa.model.family;

import dev.stoa.model.ModelConfig;
import dev.stoa.model.ModelSpec;
import dev.stoa.model.TensorDirectory;
import java.util.Set;

/// A family of models: translates a config into data for the one decoder. Pure: no I/O, no tensor math.
interface Family {
    /// Keys of the config that this family reads beyond the common ones.
    default Set<String> keys() {
        return Set.of();
    }

    /// `files` says which tensors there are; where they contradict the config on tying, tensors win.
    ModelSpec translate(ModelConfig config, TensorDirectory files);
}
