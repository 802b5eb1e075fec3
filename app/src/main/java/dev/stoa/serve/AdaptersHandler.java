// SPDX-License-Identifier: Apache-2.0
package dev.stoa.serve;

import dev.stoa.AppFault;
import dev.stoa.Fault;
import dev.stoa.serve.expert.Expert;
import dev.stoa.serve.expert.Experts;
import dev.stoa.serve.http.Fields;
import dev.stoa.serve.http.Json;
import dev.stoa.serve.http.Reply;
import dev.stoa.serve.http.Request;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.regex.Pattern;

/// `/v1/adapters`: what is mounted, mount from a directory under an allowed root, take away.
final class AdaptersHandler {
    private static final Pattern NAME = Pattern.compile("[a-z0-9][a-z0-9._-]{0,63}");
    private final Experts experts;
    private final List<Path> roots;

    /// `roots` are the directories adapters may be loaded from, symbolic links resolved.
    AdaptersHandler(Experts experts, List<Path> roots) {
        this.experts = experts;
        this.roots = List.copyOf(roots);
    }

    Reply list(Request request) {
        List<Map<String, Object>> all = new ArrayList<>();
        for (Expert expert : experts.list()) all.add(describe(expert));
        Map<String, Object> body = new LinkedHashMap<>();
        body.put("object", "list");
        body.put("data", all);
        return Reply.json(body);
    }

    Reply one(Request request) {
        return Reply.json(describe(found(request.parameter("name"))));
    }

    /// 201, or 200 when the same adapter was already mounted under that name.
    Reply load(Request request) throws IOException {
        Fields.Problems problems = new Fields.Problems();
        Fields fields = new Fields(Json.object(request.body()), "", problems);
        String name = fields.requiredString("name");
        String source = fields.requiredString("source");
        String version = fields.string("version");
        fields.refuseUnread(List.of("name", "source", "version"));
        if (name != null && !NAME.matcher(name).matches()) {
            problems.add(Fault.of(AppFault.INVALID_MODEL_EXPRESSION, "\"%s\" is not an expert id", name).where("name").expected(NAME.pattern()));
        }
        problems.raise();
        Optional<Expert> before = experts.find(name);
        Expert loaded = experts.load(name, version == null ? "" : version, allowed(source), source);
        boolean same = before.isPresent() && before.get().hash().equals(loaded.hash());
        return Reply.json(same ? 200 : 201, describe(loaded));
    }

    Reply unload(Request request) {
        String name = request.parameter("name");
        found(name);
        if (!experts.unload(name)) throw missing(name);
        return Reply.json(Map.of("name", name, "state", "unloaded"));
    }

    private Path allowed(String source) {
        Path real;
        try {
            real = Path.of(source).toRealPath();
        } catch (IOException | InvalidPathException unreadable) {
            throw Fault.of(AppFault.PATH_NOT_ALLOWED, "the source is not a directory this server may read").where("source").got(source)
                    .next(rootsHint()).exception();
        }
        boolean adapter = Files.isDirectory(real) || Files.isRegularFile(real) && real.toString().endsWith(".gguf");
        if (adapter && roots.stream().anyMatch(real::startsWith)) return real;
        throw Fault.of(AppFault.PATH_NOT_ALLOWED, "the source is not a directory this server may read").where("source").got(source)
                .next(rootsHint()).exception();
    }

    private String rootsHint() {
        return "start the server with --adapter-root DIR for a directory that holds adapters";
    }

    private Expert found(String name) {
        return experts.find(name).orElseThrow(() -> missing(name));
    }

    private static dev.stoa.FaultException missing(String name) {
        return Fault.of(AppFault.ADAPTER_NOT_INSTALLED, "expert \"%s\" is not mounted", name).where("name")
                .next("GET /v1/adapters lists what is").exception();
    }

    private static Map<String, Object> describe(Expert expert) {
        Map<String, Object> body = new LinkedHashMap<>();
        body.put("name", expert.name());
        body.put("version", expert.version());
        body.put("adapter_hash", expert.hash());
        body.put("state", "resident");
        body.put("base_hash", expert.baseHash());
        body.put("rank", expert.rank());
        body.put("modules", expert.modules());
        body.put("bytes", expert.bytes());
        body.put("source", expert.source());
        body.put("loaded_at", expert.loadedAt().toString());
        body.put("hits", expert.hits());
        return body;
    }
}
