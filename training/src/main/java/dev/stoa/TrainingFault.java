// SPDX-License-Identifier: Apache-2.0
package dev.stoa;

/// Error codes of the training module. Append only; the id is part of the public contract.
public enum TrainingFault implements Fault.Code {
    // demo world
    WORLD_INVALID
}
