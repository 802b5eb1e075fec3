// SPDX-License-Identifier: Apache-2.0
package dev.stoa.model;

import dev.stoa.adapter.Adapter;
import dev.stoa.adapter.AdapterBase;
import dev.stoa.adapter.AdapterFiles;
import dev.stoa.adapter.ReadOptions;
import dev.stoa.format.ModelFiles;
import dev.stoa.model.family.GgufTranslation;
import dev.stoa.tensor.Ledger;
import dev.stoa.tensor.Scope;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Map;

/// Whether an adapter belongs to a base: every tensor finds its matrix there with the right shape, and the base that it
/// was trained on, if it names one, is this model or one that this model is a copy of.
public final class AdapterFit {
    /// How the base an adapter names relates to a model.
    public enum Match {
        /// The very model.
        EXACT,
        /// A model that this one is a converted, quantized or verified copy of.
        ORIGIN,
        /// The adapter names no base.
        UNNAMED,
        /// Another model.
        OTHER
    }

    /// @param required the model_hash the adapter names, or null
    public record Result(String hash, int modules, int replaced, String required, String base, Match match) {}

    private AdapterFit() {}

    /// Reads all of the adapter, and of the base its names, shapes and hashes. A tensor that does not fit is a fault that
    /// lists all of them.
    public static Result of(Path adapter, Path base, ReadOptions options) throws IOException {
        try (Scope scope = new Ledger().scope("verify")) {
            ModelFiles files = ModelFiles.openWithoutTokenizer(base, scope);
            files.requireManifest();
            ModelSpec spec = StoredModel.of(files).spec();
            Map<String, long[]> modules = AdapterConverter.modules(spec);
            Adapter read = AdapterFiles.read(adapter, AdapterBase.ofModules(modules), GgufTranslation.adapterNames(spec, modules.keySet()), options, scope);
            String hash = files.modelHash();
            String required = read.baseHash();
            Match match = required == null ? Match.UNNAMED : required.equals(hash) ? Match.EXACT
                    : files.origins(hash).contains(required) ? Match.ORIGIN : Match.OTHER;
            return new Result(read.hash(), read.entries().size(), read.full().size() + read.tokens().size(), required, hash, match);
        }
    }
}
