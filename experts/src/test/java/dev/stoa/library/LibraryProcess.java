// SPDX-License-Identifier: Apache-2.0
package dev.stoa.library;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/// A second process that writes to a library, to be killed or to race with; prints a line after each kept promise.
final class LibraryProcess {
    private LibraryProcess() {}

    /// `publish`: versions 1.0.0, 1.0.1, … of expert "spice", for ever, with a rollback after every third.
    /// `add`: versions <major>.0.0 … <major>.0.<count - 1>, then ends.
    public static void main(String[] args) throws IOException {
        Path directory = Path.of(args[1]);
        try (Library library = Library.open(directory.resolve("library"))) {
            if (args[0].equals("add")) {
                for (int i = 0; i < Integer.parseInt(args[3]); i++) {
                    LibraryFixture.add(library, directory, "spice", args[2] + ".0." + i);
                    System.out.println("added " + args[2] + ".0." + i);
                }
                return;
            }
            for (int i = 0; ; i++) {
                LibraryFixture.release(library, directory, "spice", "1.0." + i);
                System.out.println("active 1.0." + i);
                if (i % 3 != 2) continue;
                System.out.println("leaving 1.0." + i);
                System.out.println("active " + library.rollback("spice", Optional.empty(), List.of()).version());
            }
        }
    }

    /// Starts one with its report in `output`, a file, since a killed process takes its pipe along.
    static Process start(Path output, String... args) throws IOException {
        String java = ProcessHandle.current().info().command().orElseThrow();
        List<String> command = new ArrayList<>(List.of(java, "-Xmx64m", "-XX:TieredStopAtLevel=1", "-cp",
                System.getProperty("java.class.path"), LibraryProcess.class.getName()));
        command.addAll(List.of(args));
        return new ProcessBuilder(command).redirectOutput(output.toFile())
                .redirectError(ProcessBuilder.Redirect.INHERIT).start();
    }
}
