// SPDX-License-Identifier: Apache-2.0
package dev.stoa.cli;

import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Locale;
import java.util.Map;

/// Where a command reads and writes: streams, environment, and whether a person sits in front of it.
/// Data goes to `out`, everything else to `err`. Tests pass their own.
record Terminal(
        InputStream in, PrintStream out, PrintStream err, Map<String, String> env, boolean inIsTerminal,
        boolean outIsTerminal, boolean errIsTerminal) {
    Terminal {
        env = Map.copyOf(env);
    }

    /// The process's own streams, UTF-8 whatever the locale (JSON and model text must not be mangled).
    static Terminal system() {
        return new Terminal(
                System.in, utf8(FileDescriptor.out), utf8(FileDescriptor.err), System.getenv(), isTerminal(0),
                isTerminal(1), isTerminal(2));
    }

    private static PrintStream utf8(FileDescriptor descriptor) {
        return new PrintStream(new FileOutputStream(descriptor), true, StandardCharsets.UTF_8);
    }

    /// The JDK only tells whether input and output both are terminals; on Linux the descriptor's link says more.
    private static boolean isTerminal(int descriptor) {
        Path link = Path.of("/proc/self/fd/" + descriptor);
        if (!Files.isSymbolicLink(link)) return System.console() != null && System.console().isTerminal();
        try {
            String target = Files.readSymbolicLink(link).toString();
            return target.startsWith("/dev/pts/") || target.startsWith("/dev/tty") || target.equals("/dev/console");
        } catch (IOException closed) {
            return false;
        }
    }

    boolean utf8() {
        String locale = env.getOrDefault("LC_ALL", "");
        if (locale.isEmpty()) locale = env.getOrDefault("LC_CTYPE", "");
        if (locale.isEmpty()) locale = env.getOrDefault("LANG", "");
        return locale.toLowerCase(Locale.ROOT).replace("-", "").contains("utf8");
    }

    int width() {
        try {
            int columns = Integer.parseInt(env.getOrDefault("COLUMNS", "80").strip());
            return Math.clamp(columns, 40, 400);
        } catch (NumberFormatException unreadable) {
            return 80;
        }
    }

    /// `--color` wins, then NO_COLOR, CLICOLOR_FORCE, TERM=dumb, and last whether the stream is a terminal.
    boolean color(String option, boolean streamIsTerminal) {
        return switch (option == null ? "auto" : option) {
            case "always" -> true;
            case "never" -> false;
            default -> {
                if (!env.getOrDefault("NO_COLOR", "").isEmpty()) yield false;
                String force = env.getOrDefault("CLICOLOR_FORCE", "");
                if (!force.isEmpty() && !force.equals("0")) yield true;
                if (env.getOrDefault("TERM", "").equals("dumb")) yield false;
                yield streamIsTerminal;
            }
        };
    }
}
