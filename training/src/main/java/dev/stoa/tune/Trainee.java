// SPDX-License-Identifier: Apache-2.0
package dev.stoa.tune;

import dev.stoa.grad.Network;
import dev.stoa.grad.Parameter;
import dev.stoa.optim.Optimizer;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;

/// What is trained: a network, its copies that share out a step, its trainable parameters (in a fixed order), and how the
/// result is written.
/// `identity` names the configuration and the base; a checkpoint of another identity is not resumed.
record Trainee(
        Network network, Replicas replicas, List<Parameter> parameters, Optimizer optimizer, String identity, Output output) {
    /// Writes the parameters' current values to a directory that does not exist yet.
    @FunctionalInterface
    interface Output {
        void write(Path directory) throws IOException;
    }

    Trainee {
        parameters = List.copyOf(parameters);
    }

    long parameterCount() {
        return parameters.stream().mapToLong(parameter -> parameter.value().elements()).sum();
    }
}
