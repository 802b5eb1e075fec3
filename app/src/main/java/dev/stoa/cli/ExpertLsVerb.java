// SPDX-License-Identifier: Apache-2.0
package dev.stoa.cli;

import dev.stoa.EngineFault;
import dev.stoa.Fault;
import dev.stoa.library.ExpertRow;
import dev.stoa.library.Library;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/// `stoa expert ls`: the experts of a library.
@Command(name = "ls", sortOptions = false, description = "List the experts of a library.",
        footer = {"", "Examples:", "  stoa expert ls --library experts"})
final class ExpertLsVerb implements Callable<Integer> {
    private final Session session;

    @Option(names = "--library", required = true, paramLabel = "DIR", description = "The library's directory.")
    private Path library;

    ExpertLsVerb(Session session) {
        this.session = session;
    }

    /// Looking at a library must not make one.
    static void requireLibrary(Path directory) {
        if (Files.isDirectory(directory.resolve("experts"))) return;
        throw Fault.of(EngineFault.MISSING_FILE, "there is no library").where(directory)
                .next("stoa expert publish NAME --library " + directory + " … makes one").exception();
    }

    @Override
    public Integer call() throws IOException {
        return list(session.console("expert ls"), library);
    }

    /// Prints the experts of a library.
    static int list(Console console, Path library) throws IOException {
        requireLibrary(library);
        try (Library store = Library.open(library)) {
            List<List<String>> rows = new ArrayList<>();
            List<ExpertRow> experts = store.list();
            for (ExpertRow one : experts) {
                rows.add(one.problem() != null
                        ? List.of(one.name(), "-", one.problem(), "-", "-", "-")
                        : List.of(one.name(), one.version(), one.state().id(), one.active() ? "yes" : "no",
                                Long.toString(one.bytes() / 1024), String.join(",", one.domains())));
            }
            if (rows.isEmpty()) console.say("the library is empty");
            else console.table(List.of("NAME", "VERSION", "STATE", "SERVES", "KIB", "DOMAINS"), rows);
            console.result(Map.of("experts", experts));
            return ExitCode.DONE.number;
        }
    }
}
