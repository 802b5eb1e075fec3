// SPDX-License-Identifier: Apache-2.0
package dev.stoa.cli;

import dev.stoa.EngineFault;
import dev.stoa.Fault;
import dev.stoa.FaultException;
import dev.stoa.format.AtomicFiles;
import dev.stoa.format.Json;
import dev.stoa.format.JsonFields;
import dev.stoa.template.ChatTemplate;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Clock;
import java.time.DateTimeException;
import java.time.Instant;
import java.time.LocalDate;
import java.time.LocalDateTime;
import java.time.OffsetDateTime;
import java.time.ZoneOffset;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import tools.jackson.databind.node.JsonNodeFactory;

/// `stoa bench template`: many renderings, for comparing chat templates with another implementation.
@Command(name = "template", sortOptions = false, description = "Render chat templates with given variables.",
        footer = {"", "A line of the input: {\"template\": \"chat.jinja\", \"variables\": {...}, \"now\": \"2026-01-31T12:00:00\"};",
            "a line of the output: {\"text\": ...} or {\"error\": ...}.", "",
            "Examples:", "  stoa bench template --in cases.jsonl --out out.jsonl"})
final class BenchTemplateVerb implements Callable<Integer> {
    private static final long MAX_TEMPLATE = 16 << 20;
    private final Session session;
    private final Map<Path, ChatTemplate> parsed = new HashMap<>();

    @Option(names = "--in", required = true, paramLabel = "FILE", description = "One case per line.")
    private Path in;

    @Option(names = "--out", required = true, paramLabel = "FILE", description = "One answer per line, in the same order.")
    private Path out;

    BenchTemplateVerb(Session session) {
        this.session = session;
    }

    @Override
    public Integer call() throws IOException {
        Console console = session.console("bench template");
        int[] counts = new int[2];
        AtomicFiles.write(out, body -> {
            try (java.io.BufferedReader lines = Files.newBufferedReader(in, StandardCharsets.UTF_8)) {
                int number = 0;
                for (String line = lines.readLine(); line != null; line = lines.readLine()) {
                    number++;
                    if (line.isBlank()) continue;
                    String name = "text";
                    String value;
                    try {
                        value = rendered(line, in + ":" + number);
                    } catch (FaultException | IOException refused) {
                        name = "error";
                        value = String.valueOf(refused.getMessage());
                    }
                    counts[name.equals("text") ? 0 : 1]++;
                    String answer = Json.canonical(JsonNodeFactory.instance.objectNode().put(name, value)) + "\n";
                    body.write(java.nio.ByteBuffer.wrap(answer.getBytes(StandardCharsets.UTF_8)));
                }
            }
        });
        console.line("%d rendered, %d refused: %s", counts[0], counts[1], out);
        console.result(Map.of("rendered", counts[0], "refused", counts[1], "out", out.toString()));
        return ExitCode.DONE.number;
    }

    private String rendered(String line, String where) throws IOException {
        JsonFields fields = new JsonFields(Json.parse(line, where, EngineFault.CONFIG_INVALID), where + ":", EngineFault.CONFIG_INVALID);
        Path file = Path.of(fields.text("template"));
        if (!Files.exists(file) && !file.isAbsolute()) file = in.toAbsolutePath().resolveSibling(file);
        if (!Files.exists(file)) throw Fault.of(EngineFault.MISSING_FILE, "there is no such template").where(file).exception();
        ChatTemplate template = parsed.get(file);
        if (template == null) {
            template = ChatTemplate.parse(Json.readText(file, MAX_TEMPLATE, EngineFault.TEMPLATE_INVALID));
            parsed.put(file, template);
        }
        Map<String, Object> variables = new LinkedHashMap<>();
        if (fields.has("variables")) {
            fields.object("variables").node().properties().forEach(entry -> variables.put(entry.getKey(), dev.stoa.serve.http.Json.plain(entry.getValue())));
        }
        return template.render(variables, clock(fields)).text();
    }

    /// The time of the case: as written, whatever its offset; the clock of the machine when there is none.
    private static Clock clock(JsonFields fields) {
        if (!fields.has("now")) return Clock.systemDefaultZone();
        String text = fields.text("now").replace(' ', 'T');
        try {
            LocalDateTime time = text.indexOf('T') < 0 ? LocalDate.parse(text).atStartOfDay()
                    : text.matches(".*T.*(Z|[+-]\\d\\d:?\\d\\d)") ? OffsetDateTime.parse(text).toLocalDateTime() : LocalDateTime.parse(text);
            Instant instant = time.toInstant(ZoneOffset.UTC);
            return Clock.fixed(instant, ZoneOffset.UTC);
        } catch (DateTimeException wrong) {
            throw fields.fault("now", "not a time").expected("an ISO time like 2026-01-31T12:00:00").exception();
        }
    }
}
