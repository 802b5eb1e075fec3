// SPDX-License-Identifier: Apache-2.0
package dev.stoa.cli;

import dev.stoa.EngineFault;
import dev.stoa.Fault;
import dev.stoa.generate.Compose;
import dev.stoa.template.Message;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/// `stoa run MODEL [PROMPT]`: one answer on stdout.
@Command(
        name = "run", sortOptions = false, description = "Answer one prompt with a model and experts.",
        footer = {
            "", "Examples:", "  stoa run base \"What is 2 + 2?\"", "  stoa run base --expert adapters/sql \"Users who never ordered\"", "  stoa run base-q4.gguf --expert adapters/sql \"Users who never ordered\"",
            "  cat notes.txt | stoa run base --expert a=dir1*0.6 --expert b=dir2*0.4 \"Summarize:\""
        })
final class RunVerb implements Callable<Integer> {
    private final Session session;

    @Parameters(index = "0", paramLabel = "MODEL", description = "A model directory (Hugging Face or MLX) or a GGUF file.")
    private Path directory;

    @Parameters(index = "1..*", paramLabel = "PROMPT", arity = "0..*", description = "The question; what comes on stdin is appended.")
    private List<String> words = List.of();

    @Option(names = "--expert", paramLabel = "[NAME=]DIR[*W]", description = "An adapter, PEFT, MLX or GGUF (repeatable, up to 4).")
    private List<String> experts = List.of();

    @Option(names = "--compose", paramLabel = "HOW", description = "How several experts are combined: sum, logits or select.")
    private Compose compose;

    @Option(names = "--system", paramLabel = "TEXT", description = "A system message.")
    private String system;

    @Option(names = "--stats", description = "Show speed and token counts on stderr.")
    private boolean stats;

    @Mixin
    private final ModelOptions model = new ModelOptions();

    @Mixin
    private final SamplingOptions sampling = new SamplingOptions();

    RunVerb(Session session) {
        this.session = session;
    }

    @Override
    public Integer call() throws IOException, InterruptedException {
        Console console = session.console("run");
        String given = String.join(" ", words);
        if (given.isBlank() && !session.terminal.inIsTerminal()) given = piped();
        if (given.isBlank()) {
            throw Fault.of(EngineFault.EMPTY_PROMPT, "there is no prompt").expected("a prompt as argument or on stdin")
                    .next("stoa run " + directory + " \"your question\"").exception();
        }
        List<ExpertArgument> wanted = experts.stream().map(ExpertArgument::parse).toList();
        try (LocalChat chat = new LocalChat(model.open(directory, null, console))) {
            chat.mount(wanted, compose);
            List<Message> messages = new ArrayList<>();
            if (system != null) messages.add(new Message("system", system));
            messages.add(new Message("user", withPiped(given)));
            LocalChat.Answer answer = chat.answer(messages, sampling.config(chat.model().facts().defaults()), new AnswerPrinter(console, sampling.thinking));
            console.line("");
            if (stats) stats(console, answer);
            console.result(data(answer, wanted));
            return ExitCode.DONE.number;
        }
    }

    private String piped() throws IOException {
        return new String(session.terminal.in().readAllBytes(), StandardCharsets.UTF_8).strip();
    }

    /// A pipe that nobody writes to must not hold up a prompt that was given; by now the model is loaded and a real
    /// writer has begun.
    private String withPiped(String given) throws IOException {
        if (words.isEmpty() || session.terminal.inIsTerminal() || session.terminal.in().available() == 0) return given;
        String more = piped();
        return more.isEmpty() ? given : given + "\n" + more;
    }

    static void stats(Console console, LocalChat.Answer answer) {
        var usage = answer.usage();
        double decodeSeconds = Math.max(1e-6, (usage.totalMs() - usage.firstTokenMs()) / 1e3);
        console.say("%s", console.paint(Console.Ink.DIM, "%d prompt tokens, %d answer tokens, %.1f tok/s, first token %.0f ms, ended by %s".formatted(
                usage.promptTokens(), usage.completionTokens(), Math.max(0, usage.completionTokens() - 1) / decodeSeconds,
                usage.firstTokenMs(), answer.reason())));
    }

    private Map<String, Object> data(LocalChat.Answer answer, List<ExpertArgument> wanted) {
        Map<String, Object> data = new LinkedHashMap<>();
        data.put("text", answer.text());
        data.put("reasoning", answer.reasoning());
        data.put("tool_calls", answer.calls());
        data.put("finish_reason", answer.reason());
        data.put("prompt_tokens", answer.usage().promptTokens());
        data.put("completion_tokens", answer.usage().completionTokens());
        data.put("first_token_ms", answer.usage().firstTokenMs());
        data.put("total_ms", answer.usage().totalMs());
        data.put("experts", wanted.stream().map(one -> Map.of("name", one.name(), "weight", one.weight())).toList());
        return data;
    }
}
