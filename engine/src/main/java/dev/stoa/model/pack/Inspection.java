// SPDX-License-Identifier: Apache-2.0
package dev.stoa.model.pack;

import dev.stoa.format.Weights;
import dev.stoa.model.FeedForward;
import dev.stoa.model.LayerSpec;
import dev.stoa.model.ModelSpec;
import dev.stoa.model.TensorBinder;
import dev.stoa.model.TensorPlan;
import dev.stoa.model.TensorProblem;
import dev.stoa.model.pack.PackIssue.Code;
import dev.stoa.nn.mixer.MixerSpec;
import dev.stoa.tensor.Tensor;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/// What one inspection found out: filled step by step by one thread, then turned into a report.
final class Inspection {
    private static final Pattern EXPERTS = Pattern.compile(
            "(layers\\.\\d+\\.(?:mlp\\.)?)(?:(?:experts|switch_mlp)\\..*|gate\\.weight|router\\.proj\\.weight)");
    private static final int SHOWN = 3;

    private final Issues issues = new Issues();
    private final String format;
    private final TreeMap<String, TreeSet<String>> quant = new TreeMap<>();
    private final List<String> adapters = new ArrayList<>();
    private ModelSpec spec;
    private long bytes;
    private TextFacts text = TextFacts.NONE;

    Inspection(String format) {
        this.format = format;
    }

    Issues issues() {
        return issues;
    }

    ModelSpec spec() {
        return spec;
    }

    void spec(ModelSpec found) {
        spec = found;
    }

    void bytes(long size) {
        bytes = size;
    }

    void text(TextFacts found) {
        text = found;
    }

    void adapter(String directory) {
        adapters.add(directory);
    }

    /// Holds the tensors of `weights` against the spec; `file` names them in issues. Problems of the experts of one layer
    /// are one issue: it is their layout that is wrong.
    void tensors(Weights weights, String file) {
        Map<String, Tensor> tensors = new TreeMap<>();
        for (String name : weights.names()) tensors.put(name, weights.find(name));
        TensorBinder.Checked checked = TensorBinder.check(spec, tensors);
        checked.bound().forEach((name, tensor) -> {
            if (tensor.rank() == 2) quant.computeIfAbsent(role(name), role -> new TreeSet<>()).add(storage(tensor));
        });
        Map<String, List<TensorProblem>> experts = new LinkedHashMap<>();
        for (TensorProblem problem : checked.problems()) {
            Matcher match = EXPERTS.matcher(problem.tensor());
            if (match.matches() && mixture(problem.tensor())) {
                experts.computeIfAbsent(match.group(1) + "experts", path -> new ArrayList<>()).add(problem);
            } else {
                issues.add(code(problem.kind()), file, problem.tensor(), problem.got(), problem.expected(), "compare config.json with the files it came with");
            }
        }
        experts.forEach((path, problems) -> issues.add(Code.MOE_LAYOUT, file, path, problems.size() + " tensors that do not fit: "
                        + String.join("; ", problems.stream().limit(SHOWN).map(TensorProblem::toString).toList()),
                count(problems.getFirst().tensor()) + " experts", "compare the number and the form of the experts with config.json"));
    }

    private static Code code(TensorProblem.Kind kind) {
        return switch (kind) {
            case MISSING -> Code.TENSOR_MISSING;
            case UNEXPECTED, TWICE -> Code.TENSOR_UNEXPECTED;
            case SHAPE, TYPE -> Code.TENSOR_SHAPE;
        };
    }

    /// Whether the layer of a tensor has experts, by the config, or the tensor is an expert's by its name.
    private boolean mixture(String tensor) {
        return count(tensor) > 0 || tensor.contains(".experts.") || tensor.contains(".switch_mlp.");
    }

    private int count(String tensor) {
        int layer = Integer.parseInt(tensor.split("\\.", 3)[1]);
        if (layer >= spec.layers().size()) return 0;
        return switch (spec.layers().get(layer).ffn()) {
            case FeedForward.Moe moe -> moe.experts();
            case FeedForward.DensePlusMoe both -> both.moe().experts();
            case FeedForward.Gated ignored -> 0;
            case FeedForward.Plain ignored -> 0;
            case FeedForward.None ignored -> 0;
        };
    }

    private static String role(String name) {
        if (name.startsWith("embed_tokens")) return "embedding";
        if (name.startsWith("lm_head")) return "head";
        if (name.contains(".experts.")) return "experts";
        if (name.contains("mlp.")) return "feed_forward";
        return name.contains("_attn.") ? "attention" : "other";
    }

    /// `BF16`, or what a packed format calls itself, without the shape.
    private static String storage(Tensor tensor) {
        String described = tensor.describe();
        int shape = described.lastIndexOf('[');
        return shape < 0 ? described : described.substring(0, shape);
    }

    private List<String> capabilities() {
        List<String> found = new ArrayList<>();
        if (spec == null) return found;
        found.add(spec.head() == null ? "embed" : "generate");
        if (spec.head() != null && text.template() != null) found.add("chat");
        if (text.template() != null && text.template().contains("tools")) found.add("tools");
        if (text.template() != null && (text.template().contains("enable_thinking") || text.template().contains("<think>"))) found.add("reasoning");
        boolean experts = spec.layers().stream().map(LayerSpec::ffn).anyMatch(f -> f instanceof FeedForward.Moe || f instanceof FeedForward.DensePlusMoe);
        if (experts) found.add("mixture_of_experts");
        if (spec.layers().stream().anyMatch(layer -> layer.mixer() instanceof MixerSpec.Named)) found.add("recurrent");
        return found;
    }

    PackReport report(Path pack) {
        SortedMap<String, String> formats = new TreeMap<>();
        quant.forEach((role, names) -> formats.put(role, String.join(", ", names)));
        long params = 0;
        if (spec != null) for (TensorPlan.Binding one : TensorPlan.of(spec)) params = Math.addExact(params, Tensor.elements(one.shape()));
        return new PackReport(pack.toString(), format, spec == null ? null : spec.family(), spec == null ? null : spec.modelType(),
                spec == null ? 0 : spec.layers().size(), spec == null ? 0 : spec.hidden(), spec == null ? 0 : spec.vocab(),
                spec == null ? 0 : spec.maxContext(), formats, params, bytes, text.kind(), text.tokenizer() == null ? 0 : text.tokenizer().size(),
                text.tokenizerHash(), text.templateHash(), adapters,
                issues.all().stream().noneMatch(issue -> issue.severity() == PackIssue.Severity.ERROR), capabilities(), issues.all());
    }
}
