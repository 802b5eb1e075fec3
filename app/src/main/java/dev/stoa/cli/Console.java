// SPDX-License-Identifier: Apache-2.0
package dev.stoa.cli;

import dev.stoa.Fault;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import tools.jackson.databind.json.JsonMapper;

/// The one door to the terminal: data on stdout, talk on stderr. With `--json` stdout carries exactly one
/// document (or one event per line, the last being the result) and no talk unless it is a warning.
///
/// One console belongs to one run of one verb. Used from one thread; [Progress] may be advanced from another.
final class Console {
    private static final JsonMapper JSON = JsonMapper.builder().build();

    /// What the user asked for on the command line.
    record Options(boolean json, boolean quiet, boolean verbose, String color) {}

    private final Terminal terminal;
    private final Options options;
    private final String verb;
    private final long startNanos = System.nanoTime();
    private final List<String> warnings = new ArrayList<>();

    Console(Terminal terminal, Options options, String verb) {
        this.terminal = terminal;
        this.options = options;
        this.verb = verb;
    }

    Terminal terminal() {
        return terminal;
    }

    boolean json() {
        return options.json();
    }

    boolean quiet() {
        return options.quiet();
    }

    /// One line of data.
    void line(String format, Object... args) {
        if (!options.json()) terminal.out().println(args.length == 0 ? format : format.formatted(args));
    }

    /// Part of a line of data, shown at once (streamed answers).
    void write(String text) {
        if (options.json()) return;
        terminal.out().print(text);
        terminal.out().flush();
    }

    /// Part of a line that is no data, dim and shown at once (reasoning). Silent with `--quiet` and `--json`.
    void whisper(String text) {
        if (options.quiet() || options.json()) return;
        terminal.err().print(paint(Ink.DIM, text));
        terminal.err().flush();
    }

    /// Talk: what is going on. Silent with `--quiet` and `--json`.
    void say(String format, Object... args) {
        if (!options.quiet() && !options.json()) {
            terminal.err().println(args.length == 0 ? format : format.formatted(args));
        }
    }

    /// Talk that only `-v` shows.
    void detail(String format, Object... args) {
        if (options.verbose()) say(format, args);
    }

    /// Something the user should know although the verb goes on. Also part of the JSON envelope.
    void warn(String format, Object... args) {
        String text = args.length == 0 ? format : format.formatted(args);
        warnings.add(text);
        if (!options.json()) terminal.err().println(paint(Ink.YELLOW, "warning") + "  " + text);
    }

    /// A progress line on stderr; silent with `--quiet` and `--json`.
    Progress progress(String name, long total, String unit) {
        boolean silent = options.quiet() || options.json();
        return new Progress(terminal, silent, name, total, unit);
    }

    /// One line of machine-readable progress, only with `--json`.
    void event(String type, Map<String, ?> fields) {
        if (!options.json()) return;
        Map<String, Object> line = new LinkedHashMap<>();
        line.put("type", type);
        line.putAll(fields);
        terminal.out().println(JSON.writeValueAsString(line));
    }

    /// The verb's result for `--json`; nothing otherwise. Call once, at the end. `ok` is false for a negative verdict.
    void result(boolean ok, Object data) {
        if (!options.json()) return;
        Map<String, Object> envelope = new LinkedHashMap<>();
        envelope.put("type", "result");
        envelope.put("schema", "stoa.cli/" + verb + "/1");
        envelope.put("ok", ok);
        envelope.put("data", data);
        envelope.put("warnings", warnings);
        envelope.put("took_ms", (System.nanoTime() - startNanos) / 1_000_000);
        terminal.out().println(JSON.writeValueAsString(envelope));
    }

    void result(Object data) {
        result(true, data);
    }

    /// Prints an error in the form of docs/reference/errors.md, or as JSON.
    void error(Fault fault, ExitCode exit) {
        if (options.json()) {
            Map<String, Object> error = new LinkedHashMap<>();
            error.put("code", fault.code().id());
            error.put("message", fault.what());
            error.put("where", fault.where());
            error.put("got", fault.got());
            error.put("expected", fault.expected());
            error.put("next", fault.next());
            error.put("issues", fault.issues());
            error.put("exit_code", exit.number);
            Map<String, Object> envelope = new LinkedHashMap<>();
            envelope.put("type", "result");
            envelope.put("schema", "stoa.cli/" + verb + "/1");
            envelope.put("ok", false);
            envelope.put("error", error);
            envelope.put("warnings", warnings);
            envelope.put("took_ms", (System.nanoTime() - startNanos) / 1_000_000);
            terminal.out().println(JSON.writeValueAsString(envelope));
            return;
        }
        StringBuilder text = new StringBuilder();
        text.append(paint(Ink.RED, "error[" + fault.code().id() + "]")).append(": ").append(fault.what());
        field(text, "where", fault.where());
        field(text, "got", fault.got());
        field(text, "expected", fault.expected());
        int shown = Math.min(fault.issues().size(), options.verbose() ? Integer.MAX_VALUE : 8);
        for (String issue : fault.issues().subList(0, shown)) text.append("\n  - ").append(issue);
        if (shown < fault.issues().size()) {
            text.append("\n  - … and ").append(fault.issues().size() - shown).append(" more (-v or --json lists all)");
        }
        field(text, "next", fault.next());
        terminal.err().println(text);
    }

    private static void field(StringBuilder text, String name, String value) {
        if (value != null) text.append("\n  %-9s ".formatted(name)).append(value);
    }

    /// The 16-color palette: meaning is never carried by color alone.
    enum Ink {
        RED(31), GREEN(32), YELLOW(33), BLUE(34), DIM(2), BOLD(1);

        final int code;

        Ink(int code) {
            this.code = code;
        }
    }

    /// Colors text meant for stderr.
    String paint(Ink ink, String text) {
        return terminal.color(options.color(), terminal.errIsTerminal()) ? "\033[" + ink.code + "m" + text + "\033[0m" : text;
    }

    /// Colors text meant for stdout.
    String paintData(Ink ink, String text) {
        return terminal.color(options.color(), terminal.outIsTerminal()) ? "\033[" + ink.code + "m" + text + "\033[0m" : text;
    }

    /// `ok`, `warn` or `fail` in its color, padded to the width of a column.
    String verdict(String word) {
        Ink ink = switch (word) {
            case "ok", "pass", "PASS" -> Ink.GREEN;
            case "fail", "FAIL" -> Ink.RED;
            default -> Ink.YELLOW;
        };
        return paintData(ink, word) + " ".repeat(Math.max(0, 5 - word.length()));
    }

    /// A table: header, then rows; columns as wide as their content, numbers right-aligned, the last column cut
    /// at the terminal's edge.
    void table(List<String> header, List<List<String>> rows) {
        if (options.json()) return;
        int columns = header.size();
        int[] width = new int[columns];
        boolean[] numeric = new boolean[columns];
        java.util.Arrays.fill(numeric, true);
        for (int column = 0; column < columns; column++) {
            width[column] = header.get(column).length();
            for (List<String> row : rows) {
                width[column] = Math.max(width[column], row.get(column).length());
                numeric[column] &= row.get(column).matches("[-+]?[0-9.,]*%?|-|–");
            }
        }
        terminal.out().println(paintData(Ink.DIM, row(header, width, numeric)));
        for (List<String> row : rows) terminal.out().println(row(row, width, numeric));
    }

    private String row(List<String> cells, int[] width, boolean[] numeric) {
        StringBuilder line = new StringBuilder();
        for (int column = 0; column < cells.size(); column++) {
            if (column > 0) line.append("  ");
            String cell = cells.get(column);
            String pad = " ".repeat(Math.max(0, width[column] - cell.length()));
            line.append(numeric[column] ? pad + cell : cell + pad);
        }
        String text = line.toString().stripTrailing();
        return terminal.outIsTerminal() && text.length() > terminal.width() ? text.substring(0, terminal.width() - 1) + "…" : text;
    }
}
