// SPDX-License-Identifier: Apache-2.0
package dev.stoa.serve;

import dev.stoa.AppFault;
import dev.stoa.Fault;
import dev.stoa.serve.expert.Expert;
import dev.stoa.serve.expert.Experts;
import dev.stoa.serve.http.Nearest;
import dev.stoa.serve.http.Reply;
import dev.stoa.serve.http.Request;
import dev.stoa.serve.pipeline.ModelNames;
import java.time.Instant;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/// `GET /v1/models`: the base, the automatic pipeline, one id per expert.
final class ModelsHandler {
    private final ModelNames names;
    private final Experts experts;
    private final long created = Instant.now().getEpochSecond();

    ModelsHandler(ModelNames names, Experts experts) {
        this.names = names;
        this.experts = experts;
    }

    Reply list(Request request) {
        Map<String, Object> body = new LinkedHashMap<>();
        body.put("object", "list");
        body.put("data", all());
        return Reply.json(body);
    }

    Reply one(Request request) {
        String id = request.parameter("id");
        for (Map<String, Object> model : all()) {
            if (model.get("id").equals(id)) return Reply.json(model);
        }
        throw Fault.of(AppFault.MODEL_NOT_FOUND, "there is no model \"%s\"", id).where("id")
                .expected("one of " + String.join(", ", Nearest.three(id, names.ids()))).exception();
    }

    private List<Map<String, Object>> all() {
        List<Map<String, Object>> models = new ArrayList<>();
        models.add(model(names.base(), created, Map.of("kind", "base")));
        models.add(model(ModelNames.PIPELINE, created, Map.of("kind", "pipeline", "parent", names.base())));
        for (Expert expert : experts.list()) {
            Map<String, Object> facts = new LinkedHashMap<>();
            facts.put("kind", "expert");
            facts.put("parent", names.base());
            facts.put("expert", expert.name());
            facts.put("version", expert.version());
            facts.put("adapter_hash", expert.hash());
            facts.put("resident", true);
            facts.put("available", true);
            models.add(model(ModelNames.EXPERT_PREFIX + expert.name(), expert.loadedAt().getEpochSecond(), facts));
        }
        return models;
    }

    private static Map<String, Object> model(String id, long created, Map<String, Object> facts) {
        Map<String, Object> model = new LinkedHashMap<>();
        model.put("id", id);
        model.put("object", "model");
        model.put("created", created);
        model.put("owned_by", "stoa");
        model.put("x_stoa", facts);
        return model;
    }
}
