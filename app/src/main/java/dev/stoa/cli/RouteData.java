// SPDX-License-Identifier: Apache-2.0
package dev.stoa.cli;

import dev.stoa.ExpertsFault;
import dev.stoa.Fault;
import dev.stoa.FaultException;
import dev.stoa.data.JsonLines;
import dev.stoa.format.Sha256;
import dev.stoa.route.feature.RouteText;
import dev.stoa.route.fit.RouteRow;
import dev.stoa.template.Message;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.TreeSet;
import tools.jackson.databind.JsonNode;

/// The rows a router is fitted on: JSON Lines of `{"text" or "messages", "labels": […], "split"?, "source"?}`. No labels
/// means that the base should answer. Without `split` a row goes where the hash of its `source` (else of its text) says:
/// rows from one source, and equal texts, never end in two splits.
record RouteData(List<String> labels, List<RouteRow> rows) {
    private static final int SHOWN = 20;
    private static final Set<String> ROLES = Set.of("system", "user", "assistant", "tool");

    RouteData {
        labels = List.copyOf(labels);
        rows = List.copyOf(rows);
    }

    static RouteData read(Path file, long seed) throws IOException {
        TreeSet<String> labels = new TreeSet<>();
        List<RouteRow> rows = new ArrayList<>();
        List<String> problems = new ArrayList<>();
        try (JsonLines lines = new JsonLines(file)) {
            for (byte[] line = lines.next(); line != null && problems.size() < SHOWN; line = lines.next()) {
                try {
                    RouteRow row = row(lines.parse(line), lines.where(), seed);
                    labels.addAll(row.labels());
                    rows.add(row);
                } catch (FaultException problem) {
                    problems.add(problem.fault().oneLine());
                }
            }
        }
        if (!problems.isEmpty() || rows.isEmpty()) {
            throw Fault.of(ExpertsFault.ROUTER_DATA_INVALID, problems.isEmpty() ? "the file has no row" : "rows cannot be used").where(file)
                    .issues(problems).expected("{\"text\": \"…\", \"labels\": [\"…\"]} per line").next("correct the file").exception();
        }
        return new RouteData(List.copyOf(labels), rows);
    }

    private static RouteRow row(JsonNode json, String where, long seed) {
        Set<String> labels = new TreeSet<>();
        if (!json.path("labels").isArray()) throw invalid("labels are not a list", where, json.get("labels"));
        for (JsonNode label : json.get("labels")) {
            if (!label.isString() || label.stringValue().isBlank()) throw invalid("a label is not a name", where, label);
            labels.add(label.stringValue());
        }
        RouteText text = text(json, where);
        return new RouteRow(text, labels, split(json, text, where, seed));
    }

    private static RouteText text(JsonNode json, String where) {
        JsonNode text = json.get("text");
        if (text != null && text.isString()) return RouteText.of(text.stringValue());
        if (text != null || !json.path("messages").isArray()) throw invalid("a row has neither text nor messages", where, text);
        List<Message> messages = new ArrayList<>();
        for (JsonNode entry : json.get("messages")) {
            String role = entry.path("role").asString("");
            if (!ROLES.contains(role) || !entry.path("content").isString()) throw invalid("a message is not role and text", where, entry);
            messages.add(new Message(role, entry.get("content").stringValue()));
        }
        return RouteText.of(messages);
    }

    private static RouteRow.Split split(JsonNode json, RouteText text, String where, long seed) {
        JsonNode named = json.get("split");
        if (named != null) {
            for (RouteRow.Split split : RouteRow.Split.values()) {
                if (named.isString() && named.stringValue().equals(split.name().toLowerCase(Locale.ROOT))) return split;
            }
            throw invalid("split is not train, calibration, certificate or test", where, named);
        }
        String source = json.path("source").isString() ? json.get("source").stringValue() : text.user();
        int share = Integer.parseInt(Sha256.hex(seed + "\n" + source).substring(0, 6), 16) % 9;
        return switch (share) {
            case 6 -> RouteRow.Split.CALIBRATION;
            case 7 -> RouteRow.Split.CERTIFICATE;
            case 8 -> RouteRow.Split.TEST;
            default -> RouteRow.Split.TRAIN;
        };
    }

    private static FaultException invalid(String what, String where, Object got) {
        return Fault.of(ExpertsFault.ROUTER_DATA_INVALID, "%s", what).where(where).got(got).exception();
    }
}
