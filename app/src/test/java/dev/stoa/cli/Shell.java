// SPDX-License-Identifier: Apache-2.0
package dev.stoa.cli;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.HashMap;
import java.util.Map;

/// Runs the command line in this process with its own streams.
final class Shell {
    record Result(int exit, String out, String err) {}

    private final Map<String, String> env = new HashMap<>(Map.of("LC_ALL", "C.UTF-8"));
    private String input = "";
    private boolean terminal;

    Shell env(String name, String value) {
        env.put(name, value);
        return this;
    }

    Shell input(String text) {
        input = text;
        return this;
    }

    Shell onTerminal() {
        terminal = true;
        return this;
    }

    Result run(String... args) {
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        ByteArrayOutputStream err = new ByteArrayOutputStream();
        int exit = Main.run(args, new Terminal(
                new ByteArrayInputStream(input.getBytes(StandardCharsets.UTF_8)),
                new PrintStream(out, true, StandardCharsets.UTF_8), new PrintStream(err, true, StandardCharsets.UTF_8),
                env, terminal, terminal, terminal));
        return new Result(exit, out.toString(StandardCharsets.UTF_8), err.toString(StandardCharsets.UTF_8));
    }
}
