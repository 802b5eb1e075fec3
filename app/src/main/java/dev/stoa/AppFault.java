// SPDX-License-Identifier: Apache-2.0
package dev.stoa;

/// Error codes of the server and the command line. Append only; the id is part of the public contract.
public enum AppFault implements Fault.Code {
    // requests that cannot be understood (400)
    INVALID_JSON, MISSING_FIELD, INVALID_TYPE, UNSUPPORTED_PARAMETER, UNSUPPORTED_CONTENT, INVALID_MODEL_EXPRESSION,
    EMPTY_QUERY,
    // keys and the network border (401, 403)
    MISSING_API_KEY, INVALID_API_KEY, HOST_NOT_ALLOWED, PATH_NOT_ALLOWED,
    // things that are not there (404)
    MODEL_NOT_FOUND, ADAPTER_NOT_INSTALLED, NOT_FOUND,
    // transport (405, 408, 413, 415)
    METHOD_NOT_ALLOWED, BODY_TIMEOUT, REQUEST_TOO_LARGE, UNSUPPORTED_MEDIA_TYPE,
    // adapters in use, versions (409)
    ADAPTER_BUSY, VERSION_CONFLICT,
    // the server itself (500, 503)
    INTERNAL_ERROR, DRAINING, MEMORY_UNAVAILABLE,
    // command line
    USAGE, REFUSED, NO_SERVER, PORT_IN_USE, IO_ERROR, INTERRUPTED
}
