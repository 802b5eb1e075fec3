// SPDX-License-Identifier: Apache-2.0
package dev.stoa.optim;

import dev.stoa.kernel.Updates;
import dev.stoa.tensor.Scope;
import dev.stoa.tensor.Tensor;
import java.util.List;
import java.util.SortedMap;
import java.util.TreeMap;

/// Adam with decoupled weight decay (Loshchilov and Hutter, 1711.05101).
public final class AdamW implements Optimizer {
    private final List<Variable> variables;
    private final Settings settings;
    private final Updates updates;
    private final TreeMap<String, Tensor> state = new TreeMap<>();

    /// `rate` is the peak learning rate.
    public record Settings(double rate, double beta1, double beta2, double epsilon, double decay) {
        public Settings {
            if (!(rate >= 0) || !(beta1 >= 0 && beta1 < 1) || !(beta2 >= 0 && beta2 < 1) || !(epsilon > 0) || !(decay >= 0)) {
                throw new IllegalArgumentException("AdamW rate " + rate + ", betas " + beta1 + " " + beta2 + ", epsilon "
                        + epsilon + ", decay " + decay);
            }
        }
    }

    /// Allocates two moments per variable in `scope`.
    public AdamW(List<Variable> variables, Settings settings, Updates updates, Scope scope) {
        this.variables = List.copyOf(variables);
        this.settings = settings;
        this.updates = updates;
        for (Variable variable : variables) {
            state.put("m." + variable.name(), scope.f32(variable.value().shape()));
            state.put("v." + variable.name(), scope.f32(variable.value().shape()));
        }
    }

    @Override
    public void step(long update, double factor, double gradientScale) {
        Updates.Adam step = new Updates.Adam((float) (settings.rate() * factor), (float) settings.beta1(),
                (float) settings.beta2(), (float) settings.epsilon(), (float) settings.decay(),
                (float) (1 - Math.pow(settings.beta1(), update)), (float) (1 - Math.pow(settings.beta2(), update)),
                (float) gradientScale);
        for (Variable variable : variables) {
            updates.adamw(variable.value(), variable.gradient(), state.get("m." + variable.name()),
                    state.get("v." + variable.name()), step);
        }
    }

    @Override
    public SortedMap<String, Tensor> state() {
        return state;
    }
}
