// SPDX-License-Identifier: Apache-2.0
package dev.stoa.cli;

import dev.stoa.AppFault;
import dev.stoa.Fault;
import dev.stoa.demo.Claim;
import dev.stoa.demo.Demo;
import dev.stoa.demo.DemoOptions;
import dev.stoa.demo.DemoProgress;
import dev.stoa.demo.Report;
import dev.stoa.eval.world.WorldSize;
import java.nio.file.Path;
import java.util.Locale;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/// `stoa demo`: the whole life of a library of experts, offline, with every claim checked.
@Command(
        name = "demo", sortOptions = false,
        description = "From nothing to experts that answer: train a base and experts, gate, route, remember, serve, check every claim.",
        footer = {
            "", "Examples:", "  stoa demo                        8 domains, a few minutes on 2 cores",
            "  stoa demo --size full --out big  all 35 domains", "  stoa demo --serve --port 8000    the server and its page stay up",
            "", "Exit codes: 0 every required claim holds, 1 some failed (listed), 2 misuse. An interrupted demo goes on where it stopped."
        })
final class DemoVerb implements Callable<Integer> {
    private final Session session;

    @Option(names = "--size", paramLabel = "SIZE", defaultValue = "ci", description = "ci, small or full (default: ${DEFAULT-VALUE}).")
    private String size;

    @Option(names = "--seed", paramLabel = "N", defaultValue = "42", description = "Seed of the world and of all training (default: ${DEFAULT-VALUE}).")
    private long seed;

    @Option(names = "--out", paramLabel = "DIR", description = "Where everything is written (default: demo-out/SIZE-SEED).")
    private Path out;

    @Option(names = "--threads", paramLabel = "N", defaultValue = "0", description = "Compute threads (default: one per processor).")
    private int threads;

    @Option(names = "--kernels", paramLabel = "NAME", defaultValue = "auto", description = "auto, foreign, vector or scalar (default: ${DEFAULT-VALUE}).")
    private String kernels;

    @Option(names = "--retrain", description = "Train the base even if it is cached.")
    private boolean retrain;

    @Option(names = "--serve", description = "Leave the server and its page running at the end.")
    private boolean serve;

    @Option(names = "--port", paramLabel = "PORT", defaultValue = "8000", description = "Port of --serve (default: ${DEFAULT-VALUE}).")
    private int port;

    DemoVerb(Session session) {
        this.session = session;
    }

    @Override
    public Integer call() throws Exception {
        Console console = session.console("demo");
        WorldSize world = size(size);
        Path directory = out != null ? out : Path.of("demo-out", world.id() + "-" + seed);
        DemoOptions options = new DemoOptions(world, seed, directory, Home.of(session.terminal).root(), threads, kernels, retrain, serve, port);
        try (Screen screen = new Screen(console)) {
            Report report = Demo.run(options, screen);
            screen.clear();
            for (Claim claim : report.claims()) {
                console.line("%-4s %-14s %s", claim.id(), claim.verdict().wire(), claim.title());
                if (claim.verdict() == Claim.Verdict.FAIL) console.line("     %s", claim.detail());
            }
            console.say("%s in %.0f s; report: %s", report.ok() ? "every required claim holds" : "some required claims FAILED",
                    report.seconds(), directory.resolve("report.html"));
            console.say("next: ./stoa demo --serve --out %s", directory);
            console.say("      ./stoa route \"%s\" --router %s --explain", "please, .subckt spice: what is tomok called", directory.resolve("router"));
            console.say("      ./stoa expert ls --library %s", directory.resolve("library"));
            console.result(report.ok(), report);
            if (serve) Demo.serve(options, screen);
            return report.ok() ? ExitCode.DONE.number : ExitCode.NEGATIVE.number;
        }
    }

    private static WorldSize size(String name) {
        return switch (name) {
            case "ci" -> WorldSize.CI;
            case "small" -> WorldSize.SMALL;
            case "full" -> WorldSize.FULL;
            default -> throw Fault.of(AppFault.USAGE, "unknown demo size \"%s\"", name).expected("ci, small or full").next("stoa demo --help").exception();
        };
    }

    /// Draws phases as lines and the running one as a bar.
    private static final class Screen implements DemoProgress, AutoCloseable {
        private final Console console;
        private Progress bar;
        private String title = "";
        private long steps;

        Screen(Console console) {
            this.console = console;
        }

        @Override
        public void phaseStarted(String name, int budgetSeconds) {
            clear();
            title = name;
        }

        @Override
        public void step(String words, long done, long total) {
            if (total != steps) clear(); // a phase may count several things in turn
            steps = total;
            if (bar == null) bar = console.progress(title, total, "");
            bar.update(done, words);
        }

        @Override
        public void phaseFinished(String name, double seconds, boolean slow) {
            clear();
            console.say("%s", String.format(Locale.ROOT, "%-28s %6.1f s%s", name, seconds, slow ? "  slow" : ""));
        }

        @Override
        public void phaseReused(String name, double seconds) {
            clear();
            console.say("%s", String.format(Locale.ROOT, "%-28s %6.1f s  done before", name, seconds));
        }

        @Override
        public void note(String line) {
            console.say("%s", line);
        }

        @Override
        public void close() {
            clear();
        }

        private void clear() {
            if (bar != null) bar.close();
            bar = null;
        }
    }
}
