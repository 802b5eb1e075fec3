// SPDX-License-Identifier: Apache-2.0
package dev.stoa.model.pack;

/// One thing that is wrong with a model pack. `tensor` is null when no single tensor is meant.
public record PackIssue(Code code, Severity severity, String file, String tensor, String got, String expected, String fix) {
    /// An error keeps the pack from being used; with a warning something of it does not work.
    public enum Severity { ERROR, WARNING }

    /// Kinds of problems; part of the public contract, append only.
    public enum Code {
        CONFIG_MISSING, CONFIG_UNKNOWN_TYPE, WEIGHTS_MISSING, SHARD_MISSING, TENSOR_MISSING, TENSOR_UNEXPECTED, TENSOR_SHAPE,
        QUANT_CONFLICT, TOKENIZER_MISSING, TOKENIZER_UNSUPPORTED, VOCAB_MISMATCH, TEMPLATE_MISSING, TEMPLATE_UNPARSABLE, EOS_MISSING,
        MOE_LAYOUT, HASH_MISMATCH,
        /// A configuration file that cannot be read or contradicts itself.
        CONFIG_INVALID,
        /// A weight file that is damaged, or disagrees with its index.
        WEIGHTS_INVALID;

        Severity severity() {
            return switch (this) {
                case TEMPLATE_MISSING, EOS_MISSING -> Severity.WARNING;
                case CONFIG_MISSING, CONFIG_UNKNOWN_TYPE, WEIGHTS_MISSING, SHARD_MISSING, TENSOR_MISSING, TENSOR_UNEXPECTED, TENSOR_SHAPE,
                        QUANT_CONFLICT, TOKENIZER_MISSING, TOKENIZER_UNSUPPORTED, VOCAB_MISMATCH, TEMPLATE_UNPARSABLE, MOE_LAYOUT,
                        HASH_MISMATCH, CONFIG_INVALID, WEIGHTS_INVALID -> Severity.ERROR;
            };
        }
    }

    @Override
    public String toString() {
        StringBuilder line = new StringBuilder(code.name()).append("  ").append(file);
        if (tensor != null) line.append(": ").append(tensor);
        line.append(": got ").append(got).append(", expected ").append(expected);
        return line.toString();
    }
}
