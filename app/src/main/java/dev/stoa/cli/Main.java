// SPDX-License-Identifier: Apache-2.0
package dev.stoa.cli;

import dev.stoa.AppFault;
import dev.stoa.Fault;
import dev.stoa.FaultException;
import dev.stoa.serve.http.Nearest;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;

/// `stoa`: the command line. Parses, runs one verb, maps what went wrong to an error text and an exit code.
@Command(
        name = "stoa", mixinStandardHelpOptions = false, sortOptions = false, usageHelpAutoWidth = true,
        synopsisSubcommandLabel = "VERB", subcommandsRepeatable = false,
        description = "One base model, many experts: train, gate, publish, route and serve LoRA experts.",
        footer = {
            "", "Examples:", "  stoa run DIR --expert DIR \"a question\"", "  stoa serve DIR --expert sql=DIR --port 8000",
            "  stoa expert train --base DIR --data rows.jsonl --out DIR", "", "stoa VERB --help explains a verb."
        })
public final class Main implements Callable<Integer> {
    @Mixin
    private final Session session;

    private Main(Session session) {
        this.session = session;
    }

    public static void main(String[] args) {
        System.exit(run(args, Terminal.system()));
    }

    /// Runs one command line and returns its exit code. Never throws for anything the user did.
    static int run(String[] args, Terminal terminal) {
        Session session = new Session(terminal, List.of(args));
        CommandLine line = commandLine(session);
        line.setCaseInsensitiveEnumValuesAllowed(true).setOut(new PrintWriter(terminal.out(), true)).setErr(new PrintWriter(terminal.err(), true));
        line.setParameterExceptionHandler((problem, unused) -> usage(session, problem, args));
        line.setExecutionExceptionHandler((problem, verb, unused) -> failed(session, verbName(verb), problem, args));
        return line.execute(args);
    }

    static CommandLine commandLine(Session session) {
        CommandLine line = new CommandLine(new Main(session));
        line.addSubcommand(new DemoVerb(session));
        line.addSubcommand(new RunVerb(session));
        line.addSubcommand(new ChatVerb(session));
        line.addSubcommand(new ServeVerb(session));
        line.addSubcommand(new PsVerb(session));
        line.addSubcommand(new StopVerb(session));
        line.addSubcommand(ExpertVerb.commandLine(session));
        line.addSubcommand(new RouteVerb(session));
        line.addSubcommand(new PullVerb(session));
        line.addSubcommand(new LsVerb(session));
        line.addSubcommand(new ShowVerb(session));
        line.addSubcommand(new VerifyVerb(session));
        line.addSubcommand(new RmVerb(session));
        line.addSubcommand(new ConvertVerb(session));
        line.addSubcommand(new QuantizeVerb(session));
        line.addSubcommand(new FitVerb(session));
        line.addSubcommand(BenchVerb.commandLine(session));
        line.addSubcommand(new VersionVerb(session));
        line.addSubcommand(new DoctorVerb(session));
        help(line);
        return line;
    }

    /// `-h` and `--help` on every verb.
    private static void help(CommandLine line) {
        CommandLine.Model.CommandSpec spec = line.getCommandSpec();
        spec.addOption(CommandLine.Model.OptionSpec.builder("-h", "--help")
                .usageHelp(true).type(boolean.class).description("Show this help.").build());
        line.getSubcommands().values().forEach(Main::help);
    }

    @Override
    public Integer call() {
        new CommandLine(commandLine(session).getCommandSpec()).usage(session.terminal.out());
        return ExitCode.DONE.number;
    }

    /// `expert train` for the verb behind `stoa expert train`.
    private static String verbName(CommandLine verb) {
        String name = verb.getCommandSpec().qualifiedName(" ");
        return name.startsWith("stoa ") ? name.substring(5) : name;
    }

    private static int usage(Session session, CommandLine.ParameterException problem, String[] args) {
        session.json |= List.of(args).contains("--json");
        CommandLine verb = problem.getCommandLine();
        List<String> known = new ArrayList<>(verb.getSubcommands().keySet());
        verb.getCommandSpec().options().forEach(option -> known.addAll(List.of(option.names())));
        Fault fault = Fault.of(AppFault.USAGE, firstLine(problem.getMessage())).next(verb.getCommandSpec().qualifiedName(" ") + " --help");
        if (problem instanceof CommandLine.UnmatchedArgumentException unmatched && !unmatched.getUnmatched().isEmpty()) {
            String word = unmatched.getUnmatched().getFirst();
            boolean isVerb = verb.getCommandSpec().parent() == null && !word.startsWith("-");
            fault = Fault.of(AppFault.USAGE, isVerb ? "unknown verb \"%s\"" : "unknown argument \"%s\"", word)
                    .next(verb.getCommandSpec().qualifiedName(" ") + " --help");
            List<String> near = candidates(verb, word, unmatched.getUnmatched(), known);
            if (!near.isEmpty()) fault = fault.expected("did you mean " + String.join(", ", near) + "?");
        }
        session.console(verbName(verb)).error(fault, ExitCode.USAGE);
        return ExitCode.USAGE.number;
    }

    private static List<String> candidates(CommandLine verb, String word, List<String> words, List<String> known) {
        List<String> near = new ArrayList<>(Nearest.to(word, known));
        for (var group : verb.getSubcommands().entrySet()) {        // "train expert" for "expert train"
            if (group.getValue().getSubcommands().containsKey(word)) near.add(group.getKey() + " " + word);
        }
        return near.stream().distinct().limit(3).toList();
    }

    private static int failed(Session session, String verb, Exception problem, String[] args) {
        Console console = session.console(verb);
        if (session.terminal.out().checkError()) return ExitCode.DONE.number;      // the reader of our output left
        return switch (problem) {
            case FaultException fault -> {
                ExitCode exit = ExitCode.of(fault.fault().code());
                console.error(fault.fault(), exit);
                yield exit.number;
            }
            case InterruptedException interrupted -> ExitCode.INTERRUPTED.number;
            case UncheckedIOException wrapped -> io(console, wrapped.getCause());
            case IOException failure -> io(console, failure);
            default -> crash(console, problem, args);
        };
    }

    private static int io(Console console, IOException problem) {
        String what = switch (problem) {
            case java.nio.file.NoSuchFileException missing -> "no such file: " + missing.getFile();
            case java.nio.file.AccessDeniedException denied -> "not allowed to read or write: " + denied.getFile();
            case java.nio.file.FileAlreadyExistsException exists -> "already exists: " + exists.getFile();
            default -> firstLine(String.valueOf(problem.getMessage()));
        };
        ExitCode exit = problem instanceof java.nio.file.NoSuchFileException ? ExitCode.PREREQUISITE : ExitCode.NEGATIVE;
        console.error(Fault.of(AppFault.IO_ERROR, "%s", what), exit);
        return exit.number;
    }

    /// A bug: the stack goes to a file, not over the user's screen.
    private static int crash(Console console, Exception problem, String[] args) {
        StringWriter text = new StringWriter();
        text.append("stoa ").append(dev.stoa.serve.Version.STOA).append(", Java ").append(Runtime.version().toString());
        text.append("\narguments: ").append(String.join(" ", args)).append("\n\n");
        problem.printStackTrace(new PrintWriter(text, true));
        String where;
        try {
            Path file = Files.createTempFile("stoa-crash-", ".txt");
            Files.writeString(file, text.toString(), StandardCharsets.UTF_8);
            where = file.toString();
        } catch (IOException unwritable) {
            where = text.toString();
        }
        console.error(Fault.of(AppFault.INTERNAL_ERROR, "a bug in stoa: %s", String.valueOf(problem)).where(where)
                .next("please report it with that file"), ExitCode.BUG);
        return ExitCode.BUG.number;
    }

    private static String firstLine(String text) {
        int end = text.indexOf('\n');
        return end < 0 ? text : text.substring(0, end);
    }
}
