// SPDX-License-Identifier: Apache-2.0
package dev.stoa.cli;

import java.util.List;
import picocli.CommandLine.Option;
import picocli.CommandLine.ScopeType;

/// The options every verb has, and the terminal of this run. Shared by the verbs of one command line.
final class Session {
    final Terminal terminal;
    /// The words of the command line as they were typed.
    final List<String> arguments;

    @Option(names = "--json", scope = ScopeType.INHERIT, description = "Write one JSON document (long verbs: one event per line) on stdout.")
    boolean json;

    @Option(names = {"-q", "--quiet"}, scope = ScopeType.INHERIT, description = "Only the result.")
    boolean quiet;

    @Option(names = {"-v", "--verbose"}, scope = ScopeType.INHERIT, description = "More detail.")
    boolean verbose;

    @Option(names = "--color", scope = ScopeType.INHERIT, paramLabel = "WHEN", description = "auto, always or never.")
    String color;

    Session(Terminal terminal, List<String> arguments) {
        this.terminal = terminal;
        this.arguments = List.copyOf(arguments);
    }

    Console console(String verb) {
        return new Console(terminal, new Console.Options(json, quiet, verbose, color), verb);
    }
}
