// SPDX-License-Identifier: Apache-2.0
package dev.stoa;

/// Error codes of the engine module. Append only; the id is part of the public contract.
public enum EngineFault implements Fault.Code {
    // containers and files
    BAD_CONTAINER, UNSAFE_FILE, MISSING_FILE, NON_FINITE, HASH_MISMATCH, OUTPUT_EXISTS,
    // models
    CONFIG_INVALID, CONFIG_UNKNOWN_KEY, CONFIG_UNKNOWN_TYPE, TENSOR_MISMATCH, UNSUPPORTED_DTYPE,
    // tokenizers and templates
    TOKENIZER_INVALID, TEMPLATE_INVALID, TEMPLATE_RAISED,
    // adapters
    ADAPTER_INCOMPATIBLE, ADAPTER_INVALID, RANK_MISMATCH, UNKNOWN_ADAPTER, TOO_MANY_EXPERTS, DUPLICATE_EXPERT,
    INVALID_WEIGHT,
    // generation
    OUT_OF_RANGE, EMPTY_PROMPT, CONTEXT_LENGTH_EXCEEDED, QUEUE_FULL, NON_FINITE_LOGITS, TIMEOUT,
    // machine
    KERNELS_UNAVAILABLE,
    // running
    MEMORY_LIMIT, INTERNAL,
    // quantization
    QUANT_CONFLICT,
    // hubs
    HUB_DENIED, HUB_NOT_FOUND, HUB_INVALID, DISK_FULL,
    // conversions
    NOT_EXPRESSIBLE,
    // answers with a form
    GRAMMAR_UNSUPPORTED, GRAMMAR_DEAD_END
}
