// SPDX-License-Identifier: Apache-2.0
package dev.stoa.cli;

import dev.stoa.kernel.KernelProvider;
import dev.stoa.kernel.Kernels;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;

/// `stoa doctor`: checks the machine, says what is wrong and the command that fixes it.
@Command(name = "doctor", description = "Check the machine: JDK, vector module, memory, disk, locale.", sortOptions = false)
final class DoctorVerb implements Callable<Integer> {
    private static final long GIB = 1L << 30;
    private final Session session;

    DoctorVerb(Session session) {
        this.session = session;
    }

    /// One finding: `state` is ok, warn or fail; `fix` is a command or empty.
    record Check(String name, String state, String fact, String fix) {}

    @Override
    public Integer call() throws IOException {
        Console console = session.console("doctor");
        List<Check> checks = new ArrayList<>();
        checks.add(java());
        checks.add(vector());
        checks.add(cores());
        checks.add(memory());
        checks.add(disk(Path.of("").toAbsolutePath()));
        checks.add(locale(session.terminal));
        for (Check check : checks) {
            console.line("%-8s %s  %s%s", check.name(), console.verdict(check.state()), check.fact(),
                    check.fix().isEmpty() ? "" : "   fix: " + check.fix());
        }
        boolean failed = checks.stream().anyMatch(check -> check.state().equals("fail"));
        Map<String, Object> data = new LinkedHashMap<>();
        data.put("checks", checks);
        console.result(!failed, data);
        return failed ? ExitCode.NEGATIVE.number : ExitCode.DONE.number;
    }

    private static Check java() {
        int feature = Runtime.version().feature();
        String fact = Runtime.version() + ", " + System.getProperty("java.vm.name");
        if (feature > 25) return new Check("jdk", "warn", fact + "; newer than the tested 25", "");
        return new Check("jdk", "ok", fact, "");
    }

    private static Check vector() {
        boolean present = ModuleLayer.boot().findModule("jdk.incubator.vector").isPresent();
        if (present) {
            try (Kernels kernels = KernelProvider.open("auto", 0)) {
                return new Check("kernels", kernels.reason().startsWith("vector") ? "ok" : "warn", kernels.reason(), "");
            }
        }
        return new Check("kernels", "fail", "module jdk.incubator.vector is missing", "start through ./stoa");
    }

    private static Check cores() {
        int cores = Runtime.getRuntime().availableProcessors();
        double load = ManagementFactory.getOperatingSystemMXBean().getSystemLoadAverage();
        String fact = cores + " processors" + (load >= 0 ? ", load %.1f".formatted(load) : "");
        return new Check("cores", load > cores * 1.5 ? "warn" : "ok", fact, "");
    }

    private static Check memory() {
        if (!(ManagementFactory.getOperatingSystemMXBean() instanceof com.sun.management.OperatingSystemMXBean machine)) {
            return new Check("memory", "warn", "this Java does not tell the machine's memory", "");
        }
        long total = machine.getTotalMemorySize();
        String fact = "%.1f GiB in all, %.1f GiB free, heap limit %.1f GiB".formatted(
                total / (double) GIB, machine.getFreeMemorySize() / (double) GIB, Runtime.getRuntime().maxMemory() / (double) GIB);
        return new Check("memory", total < 2 * GIB ? "warn" : "ok", fact, "");
    }

    private static Check disk(Path here) throws IOException {
        long free = Files.getFileStore(here).getUsableSpace();
        String fact = "%.1f GiB free at %s".formatted(free / (double) GIB, here);
        String state = !Files.isWritable(here) || free < GIB ? "fail" : free < 10 * GIB ? "warn" : "ok";
        return new Check("disk", state, Files.isWritable(here) ? fact : here + " is not writable", "");
    }

    private static Check locale(Terminal terminal) {
        return terminal.utf8()
                ? new Check("locale", "ok", "UTF-8", "")
                : new Check("locale", "warn", "not UTF-8: bars and marks are drawn in ASCII", "export LC_ALL=C.UTF-8");
    }
}
