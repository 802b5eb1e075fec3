// SPDX-License-Identifier: Apache-2.0
package dev.stoa.eval.world;

import dev.stoa.eval.verify.Family;

/// One request inside a prompt and the line that answers it.
///
/// @param domain  catalog name, or null for parts outside every domain (general table, reader)
/// @param kind    what is asked, never `MULTI`
/// @param family  how the answer is verified
/// @param key     the key asked for, or the empty text
/// @param variant which phrasing of the request, 5 being the one never trained on
/// @param lead    the domain's two terms and a colon, or the empty text
/// @param request the request itself, without opener and tail
/// @param answer  the expected line
public record Part(
        String domain, Kind kind, Family family, String key, int variant, String lead, String request, String answer) {
    public Part {
        if (kind == Kind.MULTI) throw new IllegalArgumentException("a part holds one request");
        if (answer.indexOf('\n') >= 0) throw new IllegalArgumentException("a part is answered by one line: " + answer);
    }

    /// Lead and request as they stand in a prompt.
    String text() {
        return lead.isEmpty() ? request : lead + " " + request;
    }
}
