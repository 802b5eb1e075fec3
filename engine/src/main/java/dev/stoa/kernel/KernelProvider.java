// SPDX-License-Identifier: Apache-2.0
package dev.stoa.kernel;

import dev.stoa.EngineFault;
import dev.stoa.Fault;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.ServiceLoader;

/// One way to compute everything; found by `ServiceLoader`, so this package knows none of them.
/// An instance must load and answer [#obstacle] on any machine, even where [#create] would fail.
public interface KernelProvider {
    /// The word that selects it, for example `vector`.
    String name();

    /// `auto` takes the usable provider with the highest preference.
    int preference();

    /// Why it cannot run here, or null when it can.
    String obstacle();

    /// Kernels on `workers`, which they own and close. `reason` is what [Kernels#reason] answers.
    Kernels create(Workers workers, String reason);

    /// Kernels by `choice` (`auto` or a provider's name) on `threads` threads, 0 meaning one per processor.
    /// Close them to end the threads. The caller prints [Kernels#reason]: the choice is never silent.
    static Kernels open(String choice, int threads) {
        if (threads < 0) throw new IllegalArgumentException("threads must not be negative, got " + threads);
        int count = threads == 0 ? Runtime.getRuntime().availableProcessors() : threads;
        List<KernelProvider> all = new ArrayList<>();
        ServiceLoader.load(KernelProvider.class, KernelProvider.class.getClassLoader()).forEach(all::add);
        all.sort(Comparator.comparingInt(KernelProvider::preference).reversed());
        List<String> names = new ArrayList<>(List.of("auto"));
        StringBuilder skipped = new StringBuilder();
        for (KernelProvider provider : all) {
            names.add(provider.name());
            boolean chosen = provider.name().equals(choice);
            if (!chosen && !"auto".equals(choice)) continue;
            String obstacle = provider.obstacle();
            if (obstacle == null) {
                String why = chosen ? "as asked" : skipped.isEmpty() ? "the fastest here" : skipped.substring(2);
                return provider.create(Workers.of(count), provider.name() + " kernels, " + count + " threads: " + why);
            }
            if (chosen) {
                throw Fault.of(EngineFault.KERNELS_UNAVAILABLE, "the %s kernels cannot run here", choice).got(obstacle)
                        .next("use --kernels auto").exception();
            }
            skipped.append("; ").append(provider.name()).append(" not usable: ").append(obstacle);
        }
        throw Fault.of(EngineFault.KERNELS_UNAVAILABLE, "no such kernels").got(choice).expected(names)
                .next("use --kernels auto").exception();
    }
}
