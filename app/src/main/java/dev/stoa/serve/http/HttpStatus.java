// SPDX-License-Identifier: Apache-2.0
package dev.stoa.serve.http;

import dev.stoa.AppFault;
import dev.stoa.EngineFault;
import dev.stoa.ExpertsFault;
import dev.stoa.Fault;

/// The HTTP status of each error code.
public final class HttpStatus {
    private HttpStatus() {}

    public static int of(Fault.Code code) {
        return switch (code) {
            case AppFault app -> of(app);
            case EngineFault engine -> of(engine);
            case ExpertsFault experts -> of(experts);
            default -> 500;
        };
    }

    private static int of(AppFault code) {
        return switch (code) {
            case INVALID_JSON, MISSING_FIELD, INVALID_TYPE, UNSUPPORTED_PARAMETER, UNSUPPORTED_CONTENT,
                    INVALID_MODEL_EXPRESSION, EMPTY_QUERY, USAGE -> 400;
            case MISSING_API_KEY, INVALID_API_KEY -> 401;
            case HOST_NOT_ALLOWED, PATH_NOT_ALLOWED -> 403;
            case MODEL_NOT_FOUND, ADAPTER_NOT_INSTALLED, NOT_FOUND -> 404;
            case METHOD_NOT_ALLOWED -> 405;
            case BODY_TIMEOUT -> 408;
            case ADAPTER_BUSY, VERSION_CONFLICT, REFUSED -> 409;
            case REQUEST_TOO_LARGE -> 413;
            case UNSUPPORTED_MEDIA_TYPE -> 415;
            case DRAINING, MEMORY_UNAVAILABLE -> 503;
            case INTERNAL_ERROR, NO_SERVER, PORT_IN_USE, IO_ERROR, INTERRUPTED -> 500;
        };
    }

    private static int of(EngineFault code) {
        return switch (code) {
            case OUT_OF_RANGE, EMPTY_PROMPT, CONTEXT_LENGTH_EXCEEDED, TOO_MANY_EXPERTS, DUPLICATE_EXPERT, INVALID_WEIGHT,
                    TEMPLATE_RAISED, GRAMMAR_UNSUPPORTED -> 400;
            case UNKNOWN_ADAPTER -> 404;
            case BAD_CONTAINER, UNSAFE_FILE, MISSING_FILE, NON_FINITE, HASH_MISMATCH, TENSOR_MISMATCH,
                    UNSUPPORTED_DTYPE, ADAPTER_INCOMPATIBLE, ADAPTER_INVALID, RANK_MISMATCH, CONFIG_INVALID,
                    CONFIG_UNKNOWN_KEY, CONFIG_UNKNOWN_TYPE, QUANT_CONFLICT, NOT_EXPRESSIBLE -> 422;
            case QUEUE_FULL -> 429;
            case TIMEOUT -> 504;
            default -> 500;
        };
    }

    private static int of(ExpertsFault code) {
        return switch (code) {
            case INVALID_TOP_K, INVALID_THRESHOLD, INVALID_RECORD, INVALID_VECTOR, DIMENSION_MISMATCH, INVALID_NAME -> 400;
            case UNKNOWN_EXPERT, UNKNOWN_ID -> 404;
            case VERSION_EXISTS, STATE_MOVE_REFUSED, NO_ROLLBACK_TARGET, EXPERT_REVOKED -> 409;
            case MANIFEST_INVALID, UNSAFE_ADAPTER_FILE, BLOB_MISSING, BLOB_CORRUPT, LIBRARY_CORRUPT -> 422;
            case MEMORY_READ_ONLY, MEMORY_SYNC_FAILED -> 503;
            default -> 500;
        };
    }

    /// OpenAI's `type` of an error with this status.
    static String type(int status) {
        return switch (status) {
            case 401 -> "authentication_error";
            case 403 -> "permission_error";
            case 404 -> "not_found_error";
            case 429 -> "rate_limit_error";
            default -> status >= 500 ? "server_error" : "invalid_request_error";
        };
    }
}
