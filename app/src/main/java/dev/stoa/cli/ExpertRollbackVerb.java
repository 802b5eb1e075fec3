// SPDX-License-Identifier: Apache-2.0
package dev.stoa.cli;

import dev.stoa.library.Active;
import dev.stoa.library.Library;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/// `stoa expert rollback NAME`: back to the version that served before; a running server follows.
@Command(name = "rollback", sortOptions = false, description = "Go back to the version that served before.",
        footer = {"", "Examples:", "  stoa expert rollback sql --library experts", "  stoa expert rollback sql --library experts --to 2"})
final class ExpertRollbackVerb implements Callable<Integer> {
    private final Session session;

    @Parameters(paramLabel = "NAME", description = "The expert's name.")
    private String name;

    @Option(names = "--library", required = true, paramLabel = "DIR", description = "The library's directory.")
    private Path library;

    @Option(names = "--to", paramLabel = "V", description = "The version to go back to.")
    private String to;

    ExpertRollbackVerb(Session session) {
        this.session = session;
    }

    @Override
    public Integer call() throws IOException {
        Console console = session.console("expert rollback");
        ExpertLsVerb.requireLibrary(library);
        try (Library store = Library.open(library)) {
            Active active = store.rollback(name, Optional.ofNullable(to), List.of());
            console.line("%s serves version %s again", name, active.version());
            console.result(Map.of("name", name, "version", active.version(), "generation", active.generation()));
            return ExitCode.DONE.number;
        }
    }
}
