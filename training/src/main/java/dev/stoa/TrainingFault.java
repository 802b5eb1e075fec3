// SPDX-License-Identifier: Apache-2.0
package dev.stoa;

/// Error codes of the training module. Append only; the id is part of the public contract.
public enum TrainingFault implements Fault.Code {
    // demo world
    WORLD_INVALID,
    // data
    ROW_INVALID, TOO_MANY_BAD_ROWS, NO_DATA, EMPTY_MASK, MASK_UNKNOWN,
    // training
    TRAIN_CONFIG_INVALID, TRAIN_MEMORY_LIMIT, RESUME_MISMATCH, CHECKPOINT_INVALID, TARGET_UNKNOWN
}
