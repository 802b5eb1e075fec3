// SPDX-License-Identifier: Apache-2.0
package dev.stoa.cli;

import dev.stoa.EngineFault;
import dev.stoa.Fault;
import dev.stoa.format.AtomicFiles;
import dev.stoa.format.Gguf;
import dev.stoa.format.Json;
import dev.stoa.token.GgufTokenizer;
import dev.stoa.token.Tokenizer;
import dev.stoa.token.TokenizerJson;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.JsonNodeFactory;

/// `stoa bench tokens`: ids of many texts, for comparing a tokenizer with another implementation.
@Command(name = "tokens", sortOptions = false, description = "Write the token ids of a JSON array of texts.",
        footer = {"", "Examples:", "  stoa bench tokens --model DIR --in texts.json --out ids.json",
            "  stoa bench tokens --model vocab.gguf --in texts.json --special --out ids.json"})
final class BenchTokensVerb implements Callable<Integer> {
    private static final long MAX_FILE = 1L << 30;
    private final Session session;

    @Option(names = "--model", required = true, paramLabel = "DIR|FILE",
            description = "A directory with tokenizer.json, that file, or a GGUF file, vocabulary alone or whole model.")
    private Path model;

    @Option(names = "--in", required = true, paramLabel = "FILE", description = "A JSON array of strings.")
    private Path in;

    @Option(names = "--special", description = "Let special tokens written in a text match.")
    private boolean special;

    @Option(names = "--out", required = true, paramLabel = "FILE", description = "A JSON array of id arrays; nothing is added to them.")
    private Path out;

    BenchTokensVerb(Session session) {
        this.session = session;
    }

    /// The tokenizer of a directory, a tokenizer.json or a GGUF file.
    static Tokenizer tokenizer(Path model) throws IOException {
        Path file = Files.isDirectory(model) ? model.resolve("tokenizer.json") : model;
        if (!Files.exists(file)) {
            throw Fault.of(EngineFault.MISSING_FILE, "there is no tokenizer").where(file).next("name a directory with tokenizer.json, or a GGUF file")
                    .exception();
        }
        if (file.getFileName().toString().endsWith(".gguf")) return GgufTokenizer.parse(Gguf.inspect(file).metadata());
        return TokenizerJson.parse(Json.readText(file, MAX_FILE, EngineFault.TOKENIZER_INVALID));
    }

    @Override
    public Integer call() throws IOException {
        Console console = session.console("bench tokens");
        JsonNode texts = Json.parse(Json.readText(in, MAX_FILE, EngineFault.CONFIG_INVALID), in, EngineFault.CONFIG_INVALID);
        if (!texts.isArray()) throw Fault.of(EngineFault.CONFIG_INVALID, "the texts are not a list").where(in).expected("a JSON array of strings").exception();
        Tokenizer tokenizer = tokenizer(model);
        ArrayNode answers = JsonNodeFactory.instance.arrayNode();
        long tokens = 0;
        int failed = 0;
        for (JsonNode text : texts) {
            if (text.isString()) {
                ArrayNode ids = answers.addArray();
                for (int id : tokenizer.encode(text.stringValue(), special)) ids.add(id);
                tokens += ids.size();
            } else {
                failed++;
                answers.addObject().put("error", "not a string: " + text.getNodeType());
            }
        }
        AtomicFiles.write(out, Json.canonical(answers) + "\n");
        console.line("%d texts, %d tokens, %d errors: %s", texts.size(), tokens, failed, out);
        console.result(Map.of("texts", texts.size(), "tokens", tokens, "errors", failed, "out", out.toString()));
        return ExitCode.DONE.number;
    }
}
