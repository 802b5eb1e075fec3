// SPDX-License-Identifier: Apache-2.0
package dev.stoa.format;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;

/// Names of files inside a directory, as manifests and hubs write them: parts between `/`, never leading out.
public final class RelativeNames {
    private static final int LONGEST = 1024;

    private RelativeNames() {}

    /// Whether a name stays inside its directory on every system: not absolute, no `.` or `..` or empty part, no
    /// backslash, drive or control character.
    public static boolean safe(String name) {
        if (name.isEmpty() || name.length() > LONGEST || name.startsWith("/")) return false;
        for (int i = 0; i < name.length(); i++) {
            char c = name.charAt(i);
            if (c < 0x20 || c == 0x7f || c == '\\' || c == ':' || Character.isSurrogate(c) && !pair(name, i)) return false;
        }
        for (String part : name.split("/", -1)) if (part.isEmpty() || part.equals(".") || part.equals("..")) return false;
        return true;
    }

    private static boolean pair(String name, int i) {
        return Character.isHighSurrogate(name.charAt(i)) ? i + 1 < name.length() && Character.isLowSurrogate(name.charAt(i + 1))
                : i > 0 && Character.isHighSurrogate(name.charAt(i - 1));
    }

    /// Every file below a directory but hidden ones and the manifest, sorted; links to files count as files.
    public static List<String> below(Path directory) throws IOException {
        try (Stream<Path> files = Files.walk(directory)) {
            return files.filter(Files::isRegularFile).map(file -> directory.relativize(file).toString().replace('\\', '/'))
                    .filter(name -> !name.startsWith(".") && !name.contains("/.") && !name.equals(PackManifest.NAME)).sorted().toList();
        }
    }
}
