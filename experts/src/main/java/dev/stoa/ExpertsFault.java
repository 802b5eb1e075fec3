// SPDX-License-Identifier: Apache-2.0
package dev.stoa;

/// Error codes of the experts module. Append only; the id is part of the public contract.
public enum ExpertsFault implements Fault.Code {
    // routing requests
    INVALID_TOP_K, INVALID_THRESHOLD, UNKNOWN_EXPERT,
    // router files
    ROUTER_INVALID, ROUTER_FEATURE_MISMATCH, ROUTER_PROBE_MISMATCH, ROUTER_DATA_INVALID,
    // memory
    INVALID_RECORD, INVALID_VECTOR, DIMENSION_MISMATCH, MEMORY_READ_ONLY, MEMORY_SYNC_FAILED, MEMORY_CORRUPT,
    MEMORY_LOCKED, EMBEDDER_MISMATCH, UNKNOWN_ID
}
