// SPDX-License-Identifier: Apache-2.0
package dev.stoa;

import java.util.List;
import java.util.Locale;

/// What went wrong, in words a user can act on: what, where, got, expected, next step.
///
/// Build one with [#of] and the withers, then `throw fault.exception()`. Problems that are cheap to
/// find together are collected in `issues` and raised once.
public record Fault(
        Code code, String what, String where, String got, String expected, String next, List<String> issues) {

    /// An error code; each module has one enum of them. The wire name is the lower-case constant name.
    public interface Code {
        String name();

        default String id() {
            return name().toLowerCase(Locale.ROOT);
        }
    }

    public Fault {
        if (code == null || what == null) throw new IllegalArgumentException("a fault needs a code and a what");
        issues = issues == null ? List.of() : List.copyOf(issues);
    }

    public static Fault of(Code code, String what, Object... args) {
        return new Fault(code, args.length == 0 ? what : what.formatted(args), null, null, null, null, List.of());
    }

    public Fault where(Object place) {
        return new Fault(code, what, String.valueOf(place), got, expected, next, issues);
    }

    public Fault got(Object value) {
        return new Fault(code, what, where, String.valueOf(value), expected, next, issues);
    }

    public Fault expected(Object value) {
        return new Fault(code, what, where, got, String.valueOf(value), next, issues);
    }

    public Fault next(String step) {
        return new Fault(code, what, where, got, expected, step, issues);
    }

    public Fault issues(List<String> all) {
        return new Fault(code, what, where, got, expected, next, all);
    }

    public FaultException exception() {
        return new FaultException(this, null);
    }

    public FaultException causedBy(Throwable cause) {
        return new FaultException(this, cause);
    }

    /// Throws when `ok` is false. For the common case of one sentence without further fields.
    public static void require(boolean ok, Code code, String what, Object... args) {
        if (!ok) throw of(code, what, args).exception();
    }

    /// One line: `error[code]: what (where: …; got: …; expected: …; next: …)`.
    public String oneLine() {
        StringBuilder line = new StringBuilder("error[").append(code.id()).append("]: ").append(what);
        String separator = " (";
        for (String[] part : new String[][] {
            {"where", where}, {"got", got}, {"expected", expected}, {"next", next}
        }) {
            if (part[1] == null) continue;
            line.append(separator).append(part[0]).append(": ").append(part[1]);
            separator = "; ";
        }
        if (separator.equals("; ")) line.append(')');
        for (String issue : issues) line.append("\n  - ").append(issue);
        return line.toString();
    }
}
