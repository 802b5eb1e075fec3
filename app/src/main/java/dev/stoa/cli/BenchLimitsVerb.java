// SPDX-License-Identifier: Apache-2.0
package dev.stoa.cli;

import dev.stoa.AppFault;
import dev.stoa.Fault;
import dev.stoa.kernel.KernelProvider;
import dev.stoa.kernel.Kernels;
import dev.stoa.kernel.Limits;
import dev.stoa.tensor.Ledger;
import dev.stoa.tensor.Scope;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/// `stoa bench limits`: what this machine can do at most, now.
@Command(name = "limits", sortOptions = false, description = "Measure memory bandwidth and arithmetic of this machine.",
        footer = {"", "Examples:", "  stoa bench limits", "  stoa bench limits --threads 1 --json"})
final class BenchLimitsVerb implements Callable<Integer> {
    private final Session session;

    @Option(names = "--threads", paramLabel = "N", defaultValue = "0", description = "Compute threads (0: one per processor).")
    private int threads;

    @Option(names = "--kernels", paramLabel = "NAME", defaultValue = "auto", description = "auto, foreign, vector or scalar.")
    private String kernels;

    @Option(names = "--runs", paramLabel = "N", defaultValue = "21", description = "Samples (default: ${DEFAULT-VALUE}).")
    private int runs;

    BenchLimitsVerb(Session session) {
        this.session = session;
    }

    @Override
    public Integer call() {
        if (runs < 1) throw Fault.of(AppFault.USAGE, "a number is out of range").where("--runs").got(runs).expected("1 or more").exception();
        Console console = session.console("bench limits");
        try (Kernels chosen = KernelProvider.open(kernels, threads); Scope scope = new Ledger().scope("limits")) {
            Limits limits = Limits.measure(chosen, scope, runs);
            console.line("%s", BenchSpeedVerb.machine(limits));
            console.line("%s", chosen.reason());
            Map<String, Object> facts = new LinkedHashMap<>(BenchSpeedVerb.limitFacts(limits));
            facts.forEach((name, value) -> console.line("%-18s %8.1f", name, value));
            facts.put("runs", runs);
            facts.put("machine", BenchSpeedVerb.machine(limits));
            facts.put("kernels", chosen.reason());
            console.result(facts);
            return ExitCode.DONE.number;
        }
    }
}
