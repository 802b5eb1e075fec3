// SPDX-License-Identifier: Apache-2.0
package dev.stoa.model.family;

import dev.stoa.model.ModelConfig;
import dev.stoa.model.ModelSpec;

/// A family of models: translates a config into data for the one decoder. Pure: no I/O, no tensor math.
interface Family {
    /// `headPresent` says whether the files hold an output matrix of their own; tensors win over the config there.
    ModelSpec translate(ModelConfig config, boolean headPresent);
}
