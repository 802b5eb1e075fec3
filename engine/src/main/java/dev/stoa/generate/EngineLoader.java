// SPDX-License-Identifier: Apache-2.0
package dev.stoa.generate;

import dev.stoa.EngineFault;
import dev.stoa.Fault;
import dev.stoa.format.Gguf;
import dev.stoa.format.ModelFiles;
import dev.stoa.kernel.KernelProvider;
import dev.stoa.kernel.Kernels;
import dev.stoa.model.CacheCost.Encoding;
import dev.stoa.model.MemoryClass;
import dev.stoa.model.MemoryPlan;
import dev.stoa.model.Model;
import dev.stoa.model.Placement;
import dev.stoa.tensor.Ledger;
import dev.stoa.tensor.Scope;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;

/// Opens all that an engine over a model directory or file owns: files, kernels, model, tokenizer, template.
final class EngineLoader {
    private static final System.Logger LOG = System.getLogger("dev.stoa.generate");

    private EngineLoader() {}

    /// A running engine; when anything fails, nothing stays open.
    static Engine open(LoadConfig config) throws IOException {
        if (config.model() == null) throw new IllegalArgumentException("the load config names no model");
        Ledger ledger = new Ledger();
        Scope weights = ledger.scope("weights");
        Scope repacked = ledger.scope("weights_repacked");
        List<Runnable> opened = new ArrayList<>(List.of(repacked::close, weights::close));
        try {
            ModelFiles files = ModelFiles.open(config.model(), weights);
            requireModel(files);
            TextSetup text = TextSetup.of(files);
            Kernels kernels = KernelProvider.open(config.kernels(), config.threads());
            opened.addFirst(kernels::close);
            LOG.log(System.Logger.Level.DEBUG, "event=kernels {0}", kernels.reason());
            Model model = Model.load(files, kernels, weights, config.arithmetic(), repacked);
            if (model.spec().head() == null) {
                throw Fault.of(EngineFault.CONFIG_UNKNOWN_TYPE, "this model encodes and does not generate").where(config.model())
                        .got("model_type " + model.spec().modelType()).expected("a decoder").next("use it for embeddings").exception();
            }
            LOG.log(System.Logger.Level.DEBUG, "event=weights {0}, by their size and the memory of this machine", model.placement());
            List<Integer> eosIds = EosIds.of(model.spec(), files, text);
            return Engine.start(new Engine(model, text, eosIds, planned(config, model, ledger), ledger, opened));
        } catch (IOException | RuntimeException failure) {
            opened.forEach(Runnable::run);
            throw failure;
        }
    }

    /// The config with what it leaves to the machine: the budget of the caches and a context that fits it. What the config
    /// says itself stays, with a warning where it asks for more than there is.
    private static LoadConfig planned(LoadConfig config, Model model, Ledger ledger) {
        long available = MemoryPlan.availableHere();
        if (available == 0) available = (long) MemoryClass.of(0).gib() << 30;
        long weights = ledger.activeBytes() + (model.placement() == Placement.MAPPED ? ledger.mappedBytes() : 0);
        if (config.kvBytes() > 0) {
            if (weights + config.kvBytes() > available) {
                LOG.log(System.Logger.Level.WARNING, "event=memory kvBytes {0} and weights {1} are more than the {2} available",
                        config.kvBytes(), weights, available);
            }
            return config;
        }
        // Kept prompts are a convenience: on a small machine running requests come first.
        long prefix = Math.min(config.prefixBytes(), Math.max(0, available - weights) / 8);
        MemoryPlan plan = MemoryPlan.of(model.spec(), weights, new MemoryPlan.Wish(available, config.contextTokens(), config.maxConcurrent(), true,
                Encoding.F32, config.prefillChunk(), config.maxConcurrent(), prefix));
        LOG.log(System.Logger.Level.DEBUG, "event=memory {0}", plan);
        return config.withKvBytes(plan.budget()).withContext(plan.context()).withPrefixBytes(prefix);
    }

    /// GGUF also carries adapters and projectors; they say so.
    private static void requireModel(ModelFiles files) {
        if (!(files instanceof Gguf gguf)) return;
        String type = gguf.metadata().text("general.type", "model");
        if (type.equals("model")) return;
        throw Fault.of(EngineFault.CONFIG_UNKNOWN_TYPE, "this GGUF file is not a model").where(gguf.path()).got("general.type " + type)
                .expected("model").next(type.equals("adapter") ? "mount it on its base with --expert" : "give the model's own file").exception();
    }
}
