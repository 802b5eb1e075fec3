// SPDX-License-Identifier: Apache-2.0
package dev.stoa.cli;

import dev.stoa.AppFault;
import dev.stoa.EngineFault;
import dev.stoa.Fault;

/// Exit codes, the same for every verb.
enum ExitCode {
    DONE(0, "done; warnings possible"),
    NEGATIVE(1, "refused, invalid, or a negative verdict"),
    USAGE(2, "usage or configuration error"),
    PREREQUISITE(3, "prerequisite missing or refused before start"),
    PARTIAL(4, "insufficient evidence, or part of several items failed"),
    REFUSED(5, "training diverged, or refused by evidence"),
    BUG(70, "internal error (a bug: a crash file is named)"),
    INTERRUPTED(130, "interrupted");

    final int number;
    final String meaning;

    ExitCode(int number, String meaning) {
        this.number = number;
        this.meaning = meaning;
    }

    /// The exit code of an error nothing more specific is known about.
    static ExitCode of(Fault.Code code) {
        if (code instanceof AppFault app) {
            return switch (app) {
                case USAGE, INVALID_TYPE, MISSING_FIELD, UNSUPPORTED_PARAMETER, INVALID_MODEL_EXPRESSION, EMPTY_QUERY -> USAGE;
                case NO_SERVER, PORT_IN_USE, MODEL_NOT_FOUND, MEMORY_UNAVAILABLE -> PREREQUISITE;
                case INTERRUPTED -> INTERRUPTED;
                case REFUSED -> REFUSED;
                case INTERNAL_ERROR -> BUG;
                case INVALID_JSON, UNSUPPORTED_CONTENT, MISSING_API_KEY, INVALID_API_KEY, HOST_NOT_ALLOWED,
                        PATH_NOT_ALLOWED, ADAPTER_NOT_INSTALLED, NOT_FOUND, METHOD_NOT_ALLOWED,
                        BODY_TIMEOUT, REQUEST_TOO_LARGE, UNSUPPORTED_MEDIA_TYPE, ADAPTER_BUSY, VERSION_CONFLICT,
                        DRAINING, IO_ERROR -> NEGATIVE;
            };
        }
        if (code == EngineFault.MISSING_FILE || code == EngineFault.KERNELS_UNAVAILABLE) return PREREQUISITE;
        if (code == EngineFault.OUT_OF_RANGE) return USAGE;
        return NEGATIVE;
    }
}
