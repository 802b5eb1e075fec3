// SPDX-License-Identifier: Apache-2.0
package dev.stoa.format;

import dev.stoa.EngineFault;
import dev.stoa.Fault;
import dev.stoa.quant.PackedFormat;
import dev.stoa.quant.QuantRegistry;
import dev.stoa.quant.QuantSpec;
import dev.stoa.tensor.Tensor;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.SortedSet;
import java.util.TreeMap;
import java.util.TreeSet;

/// A view of the tensors of a file in which every quantized module is one logical matrix: `X.weight` (packed words),
/// `X.scales` and `X.biases` become one tensor `X.weight` of dtype `PACKED`, mapped where it lies. What the formats are is
/// derived from the shapes and must agree with the config; every disagreement of every module is collected into one fault.
public final class QuantizedWeights implements Weights {
    private static final String WEIGHT = ".weight";
    private static final String SCALES = ".scales";
    private static final String BIASES = ".biases";
    private static final int SHOWN_ISSUES = 50;

    private final Weights files;
    private final TreeMap<String, Tensor> tensors = new TreeMap<>();

    private QuantizedWeights(Weights files) {
        this.files = files;
    }

    /// `config` says what the configuration files declare; `shapes` gives the shape of a weight by its name where the
    /// architecture knows it, and may be empty. `where` names the directory in errors. Closing the view closes `files`.
    public static Weights of(Weights files, QuantConfig config, Map<String, long[]> shapes, Path where) {
        boolean any = files.names().stream().anyMatch(name -> name.endsWith(SCALES) || name.endsWith(BIASES));
        if (!any && config.codebooks().isEmpty()) return files;
        QuantizedWeights view = new QuantizedWeights(files);
        QuantRegistry registry = QuantRegistry.load();
        List<String> issues = new ArrayList<>();
        for (String name : files.names()) view.tensors.put(name, files.find(name));
        for (QuantConfig.CodebookTensor item : config.codebooks()) view.codebook(item, registry, config, issues);
        for (String name : files.names()) {
            if (name.endsWith(SCALES)) view.module(name.substring(0, name.length() - SCALES.length()), registry, config, shapes, issues);
            else if (name.endsWith(BIASES) && files.find(name.replace(BIASES, SCALES)) == null) issues.add(name + ": biases without scales");
            else if (name.endsWith(".tq_packed")) issues.add(name + ": JANGTQ is not read; use another quantization of this model");
        }
        if (issues.isEmpty()) return view;
        throw Fault.of(EngineFault.QUANT_CONFLICT, "the quantized tensors do not fit together in %d places", issues.size()).where(where)
                .issues(issues.stream().limit(SHOWN_ISSUES).toList())
                .next("fetch the model again, or correct the quantization block of its config").exception();
    }

    private void module(String module, QuantRegistry registry, QuantConfig config, Map<String, long[]> shapes, List<String> issues) {
        Tensor weight = files.find(module + WEIGHT);
        if (weight == null) {
            issues.add(module + SCALES + ": scales without a weight");
            return;
        }
        if (!config.declared()) {
            issues.add(module + ": scales, but the config has no quantization block");
            return;
        }
        if (config.dense(module)) {
            issues.add(module + ": scales, but the config declares the module as not quantized");
            return;
        }
        QuantSpec spec = config.of(module);
        Map<String, Tensor> parts = new TreeMap<>(Map.of("weight", weight, "scales", files.find(module + SCALES)));
        if (files.find(module + BIASES) != null) parts.put("biases", files.find(module + BIASES));
        String found = detect(parts, spec);
        String mode = spec.mode() == null ? found : spec.mode();
        PackedFormat format = registry.find(mode);
        if (format == null) {
            issues.add(module + ": mode \"" + mode + "\", expected one of " + registry.names());
            return;
        }
        if (BUILT_IN.contains(mode) && !mode.equals(found)) {
            issues.add(module + ": the tensors are those of " + found + ", the config says " + mode);
            return;
        }
        Tensor matrix = format.assemble(module, parts, spec, shapes.get(module + WEIGHT), issues);
        if (matrix == null) return;
        tensors.put(module + WEIGHT, matrix);
        tensors.remove(module + SCALES);
        tensors.remove(module + BIASES);
    }

    private static final List<String> BUILT_IN = List.of("affine", "mxfp4", "nvfp4", "mxfp8");

    /// What the parts are by their geometry.
    private static String detect(Map<String, Tensor> parts, QuantSpec spec) {
        if (parts.containsKey("biases")) return "affine";
        if (spec.group() == 16) return "nvfp4";
        Tensor words = parts.get("weight");
        Tensor scales = parts.get("scales");
        return words.cols() == 8L * scales.cols() ? "mxfp8" : "mxfp4";
    }

    private void codebook(QuantConfig.CodebookTensor item, QuantRegistry registry, QuantConfig config, List<String> issues) {
        Tensor indices = files.find(item.indices());
        Tensor book = files.find(item.book());
        if (indices == null || book == null) {
            issues.add(item.name() + ": " + (indices == null ? item.indices() : item.book()) + " is missing");
            return;
        }
        String module = item.name().endsWith(WEIGHT) ? item.name().substring(0, item.name().length() - WEIGHT.length()) : item.name();
        if (files.find(module + SCALES) != null) {
            issues.add(item.name() + ": claimed by codebook_config.json and by scales");
            return;
        }
        Tensor matrix = registry.find("vq").assemble(module, Map.of("indices", indices, "codebook", book), item.spec(),
                item.shape().stream().mapToLong(Long::longValue).toArray(), issues);
        tensors.remove(item.indices());
        tensors.remove(item.book());
        if (matrix != null) tensors.put(item.name(), matrix);
    }

    @Override
    public SortedSet<String> names() {
        return Collections.unmodifiableSortedSet(new TreeSet<>(tensors.keySet()));
    }

    @Override
    public Tensor find(String name) {
        return tensors.get(name);
    }

    @Override
    public void close() {
        files.close();
    }
}
