// SPDX-License-Identifier: Apache-2.0
package dev.stoa.adapter;

import dev.stoa.format.Weights;
import dev.stoa.quant.Quant;
import dev.stoa.tensor.Tensor;
import java.util.Map;
import java.util.TreeMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/// What an adapter makes of the weights of its base, written down as plainly as the definitions.
final class AdapterEffect {
    private static final Pattern EXPERT = Pattern.compile("(.+\\.experts)\\.(\\d+)\\.(gate|up|down)_proj");
    private final Map<String, float[]> values = new TreeMap<>();
    private final Map<String, long[]> shapes = new TreeMap<>();

    AdapterEffect(Weights base) {
        for (String name : base.names()) {
            values.put(name, Quant.decode(base.find(name)));
            shapes.put(name, base.find(name).shape());
        }
    }

    /// What a reader needs to know of these weights; fused experts one by one.
    static AdapterBase base(Weights weights) {
        Map<String, long[]> modules = new TreeMap<>();
        Map<String, long[]> tensors = new TreeMap<>();
        for (String name : weights.names()) {
            long[] shape = weights.find(name).shape();
            tensors.put(name, shape);
            if (name.equals("embed_tokens.weight")) modules.put("embed_tokens", new long[] {shape[1], shape[0]});
            else if (name.endsWith(".experts.gate_up_proj")) {
                for (int e = 0; e < shape[0]; e++) {
                    modules.put(name.replace("gate_up_proj", e + ".gate_proj"), new long[] {shape[1] / 2, shape[2]});
                    modules.put(name.replace("gate_up_proj", e + ".up_proj"), new long[] {shape[1] / 2, shape[2]});
                }
            } else if (name.endsWith(".experts.down_proj")) {
                for (int e = 0; e < shape[0]; e++) modules.put(name.replace("down_proj", e + ".down_proj"), new long[] {shape[1], shape[2]});
            } else if (shape.length == 2) modules.put(name.substring(0, name.length() - ".weight".length()), shape);
        }
        return new AdapterBase(modules, tensors, AdapterBase.GateUp.CONCATENATED);
    }

    Map<String, float[]> apply(Adapter adapter) {
        adapter.entries().forEach((target, delta) -> update(target.path(), delta));
        adapter.full().forEach((name, tensor) -> values.put(name, Quant.decode(tensor)));
        adapter.tokens().forEach((path, rows) -> {
            float[] table = values.get(path + ".weight");
            float[] fresh = Quant.decode(rows.rows());
            int width = rows.rows().cols();
            for (int i = 0; i < rows.ids().size(); i++) System.arraycopy(fresh, i * width, table, rows.ids().get(i) * width, width);
        });
        return values;
    }

    private void update(String path, Delta delta) {
        Delta.LowRank low = delta.update();
        Matcher expert = EXPERT.matcher(path);
        String name = path + ".weight";
        int offset = 0;
        if (expert.matches() && !values.containsKey(name)) {
            boolean down = expert.group(3).equals("down");
            name = expert.group(1) + (down ? ".down_proj" : ".gate_up_proj");
            int rows = (int) shapes.get(name)[1];
            offset = (Integer.parseInt(expert.group(2)) * rows + (expert.group(3).equals("up") ? rows / 2 : 0)) * (int) shapes.get(name)[2];
        }
        float[] w = values.get(name);
        float[] a = Quant.decode(low.a());
        float[] b = Quant.decode(low.b());
        int in = low.a().cols();
        int out = low.b().rows();
        boolean table = path.equals("embed_tokens");
        for (int i = 0; i < out; i++) {
            double squares = 0;
            double[] row = new double[in];
            for (int j = 0; j < in; j++) {
                double sum = 0;
                for (int k = 0; k < low.rank(); k++) sum += (double) b[i * low.rank() + k] * a[k * in + j];
                row[j] = w[offset + (table ? j * out + i : i * in + j)] + low.scale() * sum;
                squares += row[j] * row[j];
            }
            double factor = delta instanceof Delta.Dora dora ? Quant.decode(dora.magnitude())[i] / Math.sqrt(squares) : 1;
            for (int j = 0; j < in; j++) w[offset + (table ? j * out + i : i * in + j)] = (float) (factor * row[j]);
        }
        if (low.bias() == null) return;
        float[] bias = values.get(path + ".bias");
        float[] change = Quant.decode(low.bias());
        for (int i = 0; i < out; i++) bias[i] += (float) (low.scale() * change[i]);
    }

    /// The largest relative Frobenius error over all tensors of `expected`, which must be exactly those that changed.
    static double error(Map<String, float[]> actual, Weights base, Weights expected) {
        double worst = 0;
        for (String name : base.names()) {
            Tensor truth = expected.find(name) != null ? expected.find(name) : base.find(name);
            float[] want = Quant.decode(truth);
            double error = 0;
            double norm = 1e-30;
            for (int i = 0; i < want.length; i++) {
                error += Math.pow(actual.get(name)[i] - want[i], 2);
                norm += want[i] * want[i];
            }
            worst = Math.max(worst, Math.sqrt(error / norm));
        }
        return worst;
    }
}
