// SPDX-License-Identifier: Apache-2.0
package dev.stoa.generate;

import dev.stoa.EngineFault;
import dev.stoa.Fault;
import dev.stoa.adapter.Adapter;
import dev.stoa.adapter.Delta;
import dev.stoa.adapter.TargetId;
import dev.stoa.model.Model;
import dev.stoa.quant.Quant;
import dev.stoa.tensor.Tensor;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/// Whether an adapter can act on a model. Every problem of one kind is listed in one fault.
final class AdapterCheck {
    private AdapterCheck() {}

    /// Everything an adapter must satisfy before it may be mounted.
    static void check(Adapter adapter, Model model, int maxRank, String name) {
        if (adapter.baseHash() != null && !model.isOrCopies(adapter.baseHash())) {
            String copied = model.origins().isEmpty() ? "" : ", or what that is a copy of: " + String.join(", ", model.origins());
            throw Fault.of(EngineFault.ADAPTER_INCOMPATIBLE, "the adapter was trained on another base").where(name)
                    .got("base " + adapter.baseHash()).expected("base " + model.hash() + copied)
                    .next("use the base it names, a copy of it made by stoa quantize or convert, or train it on this one").exception();
        }
        if (adapter.entries().isEmpty()) {
            throw Fault.of(EngineFault.ADAPTER_INVALID, "the adapter changes no module").where(name)
                    .expected("at least one linear layer of the model").exception();
        }
        checkShapes(adapter, model, name);
        List<String> ranks = new ArrayList<>();
        List<String> values = new ArrayList<>();
        List<String> zeros = new ArrayList<>();
        List<String> unmountable = new ArrayList<>();
        if (!adapter.updatesOnly()) unmountable.add("it replaces tensors or rows, or acts only after an invocation sequence");
        adapter.entries().forEach((target, delta) -> {
            Delta.LowRank low = delta.update();
            if (low.rank() < 1 || low.rank() > maxRank) ranks.add(target.path() + " has rank " + low.rank());
            if (!Double.isFinite(low.scale())) values.add(target.path() + " has scale " + low.scale());
            scan(target.path() + " A", low.a(), values);
            boolean zero = scan(target.path() + " B", low.b(), values) == 0;
            switch (delta) {
                case Delta.LowRank plain -> {
                    if (plain.bias() != null) scan(target.path() + " bias", plain.bias(), values);
                    if (zero && plain.bias() == null) zeros.add(target.path());
                }
                case Delta.Dora dora -> {
                    scan(target.path() + " magnitude", dora.magnitude(), values);
                    if (dora.update().bias() != null) unmountable.add(target.path() + " is weight-decomposed and has a bias");
                    if (target.layer() < 0 && target.module().equals("embed_tokens")) unmountable.add("a weight-decomposed input table");
                }
            }
        });
        if (!unmountable.isEmpty()) {
            throw Fault.of(EngineFault.ADAPTER_INCOMPATIBLE, "the adapter holds %d parts that cannot be mounted", unmountable.size())
                    .where(name).issues(unmountable).next("fuse it into its base").exception();
        }
        if (!ranks.isEmpty()) {
            throw Fault.of(EngineFault.RANK_MISMATCH, "%d modules exceed the rank limit", ranks.size()).where(name)
                    .expected("rank 1 to " + maxRank).issues(ranks).exception();
        }
        if (!values.isEmpty()) {
            throw Fault.of(EngineFault.NON_FINITE, "%d factors hold values that are not finite numbers", values.size())
                    .where(name).issues(values).next("the training diverged; train again").exception();
        }
        if (zeros.size() == adapter.entries().size()) {
            throw Fault.of(EngineFault.ADAPTER_INVALID, "B is zero in all %d modules: the adapter has no effect", zeros.size())
                    .where(name).next("it was saved before its first training step").exception();
        }
    }

    /// Cheap enough for every request: targets exist and fit.
    static void checkShapes(Adapter adapter, Model model, String name) {
        Map<String, long[]> shapes = model.adaptableShapes();
        List<String> issues = new ArrayList<>();
        for (Map.Entry<TargetId, Delta> entry : adapter.entries().entrySet()) {
            String path = entry.getKey().path();
            long[] shape = shapes.get(path);
            Delta.LowRank low = entry.getValue().update();
            if (shape == null) {
                issues.add(path + " is no linear layer of this model");
            } else if (low.b().rows() != shape[0] || low.a().cols() != shape[1]) {
                issues.add(path + " changes a " + low.b().rows() + " x " + low.a().cols() + " matrix, the model's is "
                        + shape[0] + " x " + shape[1]);
            }
        }
        if (issues.isEmpty()) return;
        throw Fault.of(EngineFault.ADAPTER_INCOMPATIBLE, "%d modules of the adapter do not fit the model", issues.size())
                .where(name).issues(issues).exception();
    }

    /// Whether the memory of an adapter still exists.
    static boolean alive(Adapter adapter) {
        for (Delta delta : adapter.entries().values()) {
            Delta.LowRank low = delta.update();
            if (!low.a().data().scope().isAlive() || !low.b().data().scope().isAlive()) return false;
        }
        return true;
    }

    /// Notes the first value that is not finite; returns the largest magnitude.
    private static float scan(String what, Tensor tensor, List<String> issues) {
        float largest = 0;
        for (float value : Quant.decode(tensor)) {
            if (!Float.isFinite(value)) {
                issues.add(what + " holds " + value);
                return Float.NaN;
            }
            largest = Math.max(largest, Math.abs(value));
        }
        return largest;
    }
}
