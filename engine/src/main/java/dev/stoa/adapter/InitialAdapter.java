// SPDX-License-Identifier: Apache-2.0
package dev.stoa.adapter;

import dev.stoa.EngineFault;
import dev.stoa.Fault;
import dev.stoa.quant.Quant;
import dev.stoa.tensor.DType;
import dev.stoa.tensor.Scope;
import dev.stoa.tensor.Tensor;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.SortedMap;
import java.util.TreeMap;

/// Turns an adapter whose initialization moved part of the base into its factors into a plain one for the unchanged base:
/// dW = s (B A - B0 A0) = s [B, -B0] [A; A0], of twice the rank and the same scale. Exact: no value is rounded.
final class InitialAdapter {
    private InitialAdapter() {}

    /// `trained` beside what it was before its first step; both must adapt the same modules with the same scales.
    static Adapter subtract(Adapter trained, Adapter initial, Path where, Scope scope) {
        List<String> issues = new ArrayList<>();
        if (!trained.updatesOnly() || !initial.updatesOnly()) issues.add("one of them replaces tensors or rows of the base, or waits for a call");
        SortedMap<TargetId, Delta> entries = new TreeMap<>();
        trained.entries().forEach((target, delta) -> {
            Delta before = initial.entries().get(target);
            if (before == null) issues.add(target.path() + ": not in the initial adapter");
            else if (!(delta instanceof Delta.LowRank a) || !(before instanceof Delta.LowRank b)) issues.add(target.path() + ": DoRA has no such difference");
            else if (a.bias() != null || b.bias() != null) issues.add(target.path() + ": a bias of the update");
            else if (a.scale() != b.scale()) issues.add("%s: scale %s, before %s".formatted(target.path(), a.scale(), b.scale()));
            else entries.put(target, difference(a, b, scope));
        });
        for (TargetId target : initial.entries().keySet()) if (!trained.entries().containsKey(target)) issues.add(target.path() + ": only in the initial adapter");
        if (!issues.isEmpty()) {
            throw Fault.of(EngineFault.ADAPTER_INCOMPATIBLE, "the initial adapter is not the one this adapter began as").where(where).issues(issues)
                    .next("give the directory that was saved before the first step").exception();
        }
        return new Adapter(AdapterHash.of(entries), trained.baseHash(), entries);
    }

    private static Delta difference(Delta.LowRank now, Delta.LowRank before, Scope scope) {
        int inputs = now.a().cols();
        int outputs = now.b().rows();
        int r = now.rank();
        int r0 = before.rank();
        float[] a = new float[(r + r0) * inputs];
        System.arraycopy(Quant.decode(now.a()), 0, a, 0, r * inputs);
        System.arraycopy(Quant.decode(before.a()), 0, a, r * inputs, r0 * inputs);
        float[] p = Quant.decode(now.b());
        float[] q = Quant.decode(before.b());
        float[] b = new float[outputs * (r + r0)];
        for (int n = 0; n < outputs; n++) {
            System.arraycopy(p, n * r, b, n * (r + r0), r);
            for (int k = 0; k < r0; k++) b[n * (r + r0) + r + k] = -q[n * r0 + k];
        }
        Tensor tall = Quant.encode(a, DType.F32, scope, r + r0, inputs);
        Tensor wide = Quant.encode(b, DType.F32, scope, outputs, r + r0);
        return new Delta.LowRank(tall, wide, now.scale());
    }
}
