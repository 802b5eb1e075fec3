// SPDX-License-Identifier: Apache-2.0
package dev.stoa.model.pack;

import dev.stoa.EngineFault;
import dev.stoa.FaultException;
import dev.stoa.format.Gguf;
import dev.stoa.format.GgufMetadata;
import dev.stoa.model.family.GgufTranslation;
import dev.stoa.model.pack.PackIssue.Code;
import dev.stoa.quant.Quant;
import dev.stoa.tensor.Scope;
import dev.stoa.tensor.Tensor;
import dev.stoa.token.GgufTokenizer;
import dev.stoa.token.Tokenizer;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;

/// Inspects a GGUF file or split set.
final class GgufInspection {
    /// What writers put where a model has no vocabulary.
    private static final Set<String> NO_TOKENIZER = Set.of("none", "no_vocab");

    private GgufInspection() {}

    static Inspection run(Path file, Scope scope) throws IOException {
        Inspection found = new Inspection("gguf");
        Issues issues = found.issues();
        String name = file.getFileName().toString();
        Gguf gguf;
        try {
            gguf = Gguf.open(file, scope);
        } catch (FaultException refused) {
            issues.refused(refused.fault().code() == EngineFault.MISSING_FILE ? Code.SHARD_MISSING : Code.WEIGHTS_INVALID, name, refused.fault());
            return found;
        }
        long bytes = 0;
        for (Path part : gguf.files()) bytes += Files.size(part);
        found.bytes(bytes);
        if (gguf.names().isEmpty()) issues.add(Code.WEIGHTS_MISSING, name, null, "no tensors", "the weights of a model", "this file holds a vocabulary only");
        else model(gguf, name, found);
        text(gguf, name, found);
        return found;
    }

    private static void model(Gguf gguf, String name, Inspection found) {
        Map<String, long[]> shapes = new TreeMap<>();
        for (String tensor : gguf.names()) shapes.put(tensor, gguf.find(tensor).shape());
        Tensor factors = gguf.find("rope_freqs.weight");
        try {
            found.spec(GgufTranslation.translate(gguf.metadata(), shapes, factors == null ? null : Quant.decode(factors)));
        } catch (FaultException refused) {
            boolean type = refused.fault().code() == EngineFault.CONFIG_UNKNOWN_TYPE;
            found.issues().refused(type ? Code.CONFIG_UNKNOWN_TYPE : Code.CONFIG_INVALID, name, refused.fault());
            return;
        }
        found.tensors(gguf, name);
    }

    private static void text(Gguf gguf, String name, Inspection found) throws IOException {
        GgufMetadata metadata = gguf.metadata();
        Issues issues = found.issues();
        Tokenizer tokenizer = null;
        String kind;
        kind = issues.attempt(Code.TOKENIZER_UNSUPPORTED, name, () -> metadata.text("tokenizer.ggml.model", "none"));
        if (kind != null && !NO_TOKENIZER.contains(kind)) {
            tokenizer = issues.attempt(Code.TOKENIZER_UNSUPPORTED, name, () -> GgufTokenizer.parse(metadata));
        } else if (kind != null) {
            kind = null;
            issues.add(Code.TOKENIZER_MISSING, name, null, "no tokenizer.ggml.model", "a tokenizer", "convert the model again with its tokenizer");
        }
        String template = issues.attempt(Code.TEMPLATE_UNPARSABLE, name, () -> metadata.text("tokenizer.chat_template", null));
        TextFacts text = new TextFacts(tokenizer, kind, gguf.tokenizerHash(), template);
        found.text(text);
        Set<Integer> eosIds = new TreeSet<>();
        for (String key : new String[] {"eos_token_id", "eot_token_id"}) {
            if (metadata.has("tokenizer.ggml." + key)) {
                Integer id = issues.attempt(Code.CONFIG_INVALID, name, () -> metadata.integer("tokenizer.ggml." + key));
                if (id != null) eosIds.add(id);
            }
        }
        text.check(found.spec(), eosIds, name, name, issues);
    }
}
