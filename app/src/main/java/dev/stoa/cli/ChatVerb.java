// SPDX-License-Identifier: Apache-2.0
package dev.stoa.cli;

import dev.stoa.FaultException;
import dev.stoa.generate.Compose;
import dev.stoa.generate.GenerateConfig;
import dev.stoa.template.Message;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import org.jline.reader.EndOfFileException;
import org.jline.reader.LineReader;
import org.jline.reader.LineReaderBuilder;
import org.jline.reader.UserInterruptException;
import org.jline.terminal.TerminalBuilder;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/// `stoa chat MODEL`: a conversation. On a terminal with line editing and history; otherwise one question per line.
/// Ctrl-C stops the answer only.
@Command(
        name = "chat", sortOptions = false, description = "Talk with a model and experts.",
        footer = {"", "Inside: /help shows the commands.", "", "Examples:", "  stoa chat base", "  stoa chat base --expert sql=adapters/sql"})
final class ChatVerb implements Callable<Integer> {
    private static final String HELP = """
            /expert [NAME=]DIR[*W] …   mount these experts instead (none: the base alone)
            /system TEXT               set the system message and start over
            /retry                     answer the last question again
            /undo                      forget the last question and answer
            /clear                     start over
            /stats                     show speed after each answer, or stop showing it
            /bye                       leave
            \"""                        starts and ends a question of several lines""";

    private final Session session;

    @Parameters(paramLabel = "MODEL", description = "A model directory (Hugging Face or MLX) or a GGUF file.")
    private Path directory;

    @Option(names = "--expert", paramLabel = "[NAME=]DIR[*W]", description = "An adapter, PEFT, MLX or GGUF (repeatable, up to 4).")
    private List<String> experts = List.of();

    @Option(names = "--compose", paramLabel = "HOW", description = "How several experts are combined: sum, logits or select.")
    private Compose compose;

    @Option(names = "--system", paramLabel = "TEXT", description = "A system message.")
    private String system;

    @Mixin
    private final ModelOptions model = new ModelOptions();

    @Mixin
    private final SamplingOptions sampling = new SamplingOptions();

    private final List<Message> history = new ArrayList<>();
    private boolean stats;

    ChatVerb(Session session) {
        this.session = session;
    }

    /// Where lines come from; null at the end.
    private interface Lines {
        String next(String prompt) throws IOException;
    }

    @Override
    public Integer call() throws IOException, InterruptedException {
        Console console = session.console("chat");
        try (LocalChat chat = new LocalChat(model.open(directory, null, console))) {
            chat.mount(experts.stream().map(ExpertArgument::parse).toList(), compose);
            GenerateConfig config = sampling.config(chat.model().facts().defaults());
            console.say("%s", console.paint(Console.Ink.DIM, chat.model().facts().id() + ", " + chat.model().facts().contextTokens()
                    + " tokens of context; /help for commands, /bye to leave"));
            if (session.terminal.inIsTerminal()) {
                try (var terminal = TerminalBuilder.builder().system(true).build()) {
                    LineReader reader = LineReaderBuilder.builder().terminal(terminal).build();
                    terminal.handle(org.jline.terminal.Terminal.Signal.INT, signal -> chat.stop());
                    talk(chat, config, console, prompt -> editedLine(reader, prompt));
                }
            } else {
                BufferedReader reader = new BufferedReader(new InputStreamReader(session.terminal.in(), StandardCharsets.UTF_8));
                talk(chat, config, console, prompt -> reader.readLine());
            }
        }
        return ExitCode.DONE.number;
    }

    private static String editedLine(LineReader reader, String prompt) {
        while (true) {
            try {
                return reader.readLine(prompt);
            } catch (UserInterruptException cleared) {
                if (cleared.getPartialLine().isEmpty()) return null;
            } catch (EndOfFileException end) {
                return null;
            }
        }
    }

    private void talk(LocalChat chat, GenerateConfig config, Console console, Lines lines) throws IOException, InterruptedException {
        String line;
        while ((line = lines.next("> ")) != null) {
            String text = line.strip();
            if (text.equals("\"\"\"")) text = block(lines);
            if (text.isEmpty()) continue;
            try {
                if (text.startsWith("/")) {
                    if (!command(text, chat, config, console)) return;
                } else {
                    history.add(new Message("user", text));
                    answer(chat, config, console);
                }
            } catch (FaultException problem) {
                console.error(problem.fault(), ExitCode.of(problem.fault().code()));
                if (!history.isEmpty() && history.getLast().role().equals("user")) history.removeLast();
            }
        }
    }

    private static String block(Lines lines) throws IOException {
        StringBuilder text = new StringBuilder();
        String line;
        while ((line = lines.next(". ")) != null && !line.strip().equals("\"\"\"")) text.append(line).append('\n');
        return text.toString().strip();
    }

    /// False to leave.
    private boolean command(String text, LocalChat chat, GenerateConfig config, Console console) throws IOException, InterruptedException {
        String[] words = text.split("\\s+");
        String rest = text.substring(words[0].length()).strip();
        switch (words[0]) {
            case "/bye", "/exit", "/quit" -> {
                return false;
            }
            case "/help" -> console.say("%s", HELP);
            case "/clear" -> history.clear();
            case "/stats" -> stats = !stats;
            case "/system" -> {
                system = rest.isEmpty() ? null : rest;
                history.clear();
            }
            case "/expert" -> {
                List<ExpertArgument> wanted = rest.isEmpty() ? List.of() : java.util.Arrays.stream(rest.split("\\s+")).map(ExpertArgument::parse).toList();
                chat.mount(wanted, compose);
                console.say("%s", wanted.isEmpty() ? "the base answers alone" : "mounted " + String.join(", ", wanted.stream().map(ExpertArgument::name).toList()));
            }
            case "/undo" -> undo();
            case "/retry" -> {
                if (!history.isEmpty() && history.getLast().role().equals("assistant")) history.removeLast();
                if (history.isEmpty()) console.say("there is no question yet");
                else answer(chat, config, console);
            }
            default -> console.say("unknown command %s; /help lists them", words[0]);
        }
        return true;
    }

    private void undo() {
        if (!history.isEmpty() && history.getLast().role().equals("assistant")) history.removeLast();
        if (!history.isEmpty()) history.removeLast();
    }

    private void answer(LocalChat chat, GenerateConfig config, Console console) throws InterruptedException {
        List<Message> messages = new ArrayList<>();
        if (system != null) messages.add(new Message("system", system));
        messages.addAll(history);
        LocalChat.Answer answer = chat.answer(messages, config, new AnswerPrinter(console, sampling.thinking));
        console.line("");
        if (answer.reason().equals("cancelled")) console.say("%s", console.paint(Console.Ink.DIM, "(stopped)"));
        history.add(new Message("assistant", answer.text()));
        if (stats) RunVerb.stats(console, answer);
    }
}
