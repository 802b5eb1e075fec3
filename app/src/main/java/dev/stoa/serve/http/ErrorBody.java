// SPDX-License-Identifier: Apache-2.0
package dev.stoa.serve.http;

import dev.stoa.Fault;
import java.util.LinkedHashMap;
import java.util.Map;

/// The one shape of every error: `{"error": {message, type, param, code, issues?, request_id}}`.
/// For faults of a request, `where` is the path of the field and becomes `param`.
public final class ErrorBody {
    private ErrorBody() {}

    public static Map<String, Object> of(Fault fault, String requestId) {
        Map<String, Object> error = new LinkedHashMap<>();
        error.put("message", message(fault));
        error.put("type", HttpStatus.type(HttpStatus.of(fault.code())));
        error.put("param", fault.where());
        error.put("code", fault.code().id());
        if (!fault.issues().isEmpty()) error.put("issues", fault.issues());
        error.put("request_id", requestId);
        return Map.of("error", error);
    }

    /// What, got, expected and next step as one sentence.
    static String message(Fault fault) {
        StringBuilder text = new StringBuilder(fault.what());
        String separator = " (";
        if (fault.got() != null) {
            text.append(separator).append("got ").append(fault.got());
            separator = "; ";
        }
        if (fault.expected() != null) {
            text.append(separator).append("expected ").append(fault.expected());
            separator = "; ";
        }
        if (separator.equals("; ")) text.append(')');
        if (fault.next() != null) text.append(". Next: ").append(fault.next());
        return text.toString();
    }
}
