// SPDX-License-Identifier: Apache-2.0
package dev.stoa.library;

import dev.stoa.ExpertsFault;
import dev.stoa.Fault;
import java.util.regex.Pattern;

/// What may become a file name: nothing that leaves its directory, hides, or differs only in case.
final class Names {
    private static final Pattern NAME = Pattern.compile("[a-z0-9](?:[a-z0-9._-]{0,62}[a-z0-9])?");
    private static final Pattern VERSION = Pattern.compile(
            "(?:0|[1-9]\\d{0,8})\\.(?:0|[1-9]\\d{0,8})\\.(?:0|[1-9]\\d{0,8})(?:-[a-z0-9]+(?:[.-][a-z0-9]+){0,7})?");

    private Names() {}

    static boolean isName(String name) {
        return name != null && NAME.matcher(name).matches() && !name.contains("..");
    }

    static boolean isVersion(String version) {
        return version != null && version.length() <= 64 && VERSION.matcher(version).matches();
    }

    static void requireName(String what, String name) {
        if (!isName(name)) {
            throw Fault.of(ExpertsFault.INVALID_NAME, "%s is not a usable name", what).got('"' + name + '"')
                    .expected("1 to 64 of a-z 0-9 . _ -, beginning and ending with a letter or digit, no \"..\"")
                    .exception();
        }
    }

    static void requireVersion(String version) {
        if (!isVersion(version)) {
            throw Fault.of(ExpertsFault.INVALID_NAME, "not a version").got('"' + version + '"')
                    .expected("MAJOR.MINOR.PATCH, as in 1.0.0 or 1.1.0-repair.2").exception();
        }
    }
}
