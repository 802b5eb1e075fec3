// SPDX-License-Identifier: Apache-2.0
package dev.stoa.format;

import dev.stoa.Fault;
import java.util.regex.Pattern;
import java.util.regex.PatternSyntaxException;

/// Regular expressions that come from files. A repeated group, as in `(a|b)*`, is refused: it can take exponential
/// time or exhaust the stack, and no published file that we read needs one.
public final class SafePattern {
    private static final int MAX_LENGTH = 4000;

    private SafePattern() {}

    /// Compiles a pattern of a file; `where` and `code` go into the fault when it cannot be used.
    public static Pattern compile(String regex, int flags, String where, Fault.Code code) {
        int repeated = repeatedGroup(regex);
        if (repeated >= 0 || regex.length() > MAX_LENGTH) {
            throw Fault.of(code, "a pattern could run for ever").where(where).got(clip(regex))
                    .expected("at most " + MAX_LENGTH + " characters, repeating single characters or classes only")
                    .next("rewrite the pattern at character " + Math.max(repeated, 0)).exception();
        }
        try {
            return Pattern.compile(regex, flags);
        } catch (PatternSyntaxException problem) {
            throw Fault.of(code, "the pattern cannot be read: %s", problem.getDescription()).where(where).got(clip(regex))
                    .next("rewrite the pattern").causedBy(problem);
        }
    }

    private static int repeatedGroup(String regex) {
        boolean inClass = false;
        for (int i = 0; i < regex.length(); i++) {
            switch (regex.charAt(i)) {
                case '\\' -> i++;
                case '[' -> inClass = true;
                case ']' -> inClass = false;
                case ')' -> {
                    boolean repeats = i + 1 < regex.length() && "*+{".indexOf(regex.charAt(i + 1)) >= 0;
                    if (repeats && !inClass) return i;
                }
                default -> { }
            }
        }
        return -1;
    }

    private static String clip(String regex) {
        return regex.length() <= 200 ? regex : regex.substring(0, 200) + "...";
    }
}
