// SPDX-License-Identifier: Apache-2.0
package dev.stoa.serve;

import dev.stoa.EngineFault;
import dev.stoa.Fault;
import dev.stoa.generate.Engine;
import dev.stoa.route.RouterFiles;
import dev.stoa.route.feature.FeatureSource;
import dev.stoa.route.feature.PrefillFeatures;
import dev.stoa.route.feature.RoutePrompts;
import dev.stoa.route.feature.RouteText;
import dev.stoa.route.fit.RouteRow;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/// The routing features that a loaded base gives: its own hidden states of the real prompt. The base stays the caller's
/// and must outlive every router opened here. Thread-safe.
public record BaseFeatures(BaseModel base) implements RouterFiles.Sources {
    /// Null for features other than prefill ones, and for a base without a chat template.
    @Override
    public FeatureSource open(String id, Path directory) throws IOException {
        if (!id.equals("prefill") || base.engine().template() == null) return null;
        return PrefillFeatures.load(directory.resolve(RouterFiles.FEATURES), base.engine(), prompts(), base.facts().hash());
    }

    /// Fits layer and whitening on the training rows; rows of exactly one label choose the layer.
    public PrefillFeatures fit(List<RouteRow> rows) {
        if (base.engine().template() == null) {
            throw Fault.of(EngineFault.TEMPLATE_INVALID, "prefill features need the base's chat template").next("fit without --base").exception();
        }
        List<RouteText> texts = new ArrayList<>();
        List<String> labels = new ArrayList<>();
        for (RouteRow row : rows) {
            if (row.split() != RouteRow.Split.TRAIN) continue;
            texts.add(row.text());
            labels.add(row.labels().size() == 1 ? row.labels().iterator().next() : null);
        }
        int layers = base.engine().model().spec().layers().size();
        return PrefillFeatures.fit(base.engine(), prompts(), base.facts().hash(), layers, texts, labels);
    }

    private RoutePrompts prompts() {
        Engine engine = base.engine();
        return new RoutePrompts(engine.tokenizer(), engine.template(), engine.text().variables(), base.facts().contextTokens());
    }
}
