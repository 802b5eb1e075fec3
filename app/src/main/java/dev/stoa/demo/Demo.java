// SPDX-License-Identifier: Apache-2.0
package dev.stoa.demo;

import dev.stoa.eval.world.World;
import dev.stoa.gate.Health;
import dev.stoa.kernel.Kernels;
import dev.stoa.route.Router;
import dev.stoa.route.RouterFiles;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.CountDownLatch;

/// The whole life of a library of experts, offline: train a base, train and gate experts, route, remember, serve, and
/// check every claim. Finished phases are kept, so an interrupted demo goes on where it stopped.
public final class Demo {
    private Demo() {}

    /// Runs all phases and writes `report.json` and `report.html` into the output directory.
    public static Report run(DemoOptions options, DemoProgress progress) throws Exception {
        Files.createDirectories(options.out());
        long start = System.nanoTime();
        String code = CodeVersion.of(Demo.class, Router.class, Health.class, World.class, Kernels.class);
        String key = String.join("|", options.size().id(), Long.toString(options.seed()), options.kernels(), code);
        try (Workbench bench = new Workbench(options, progress)) {
            PhaseRunner runner = new PhaseRunner(options.out(), key, progress);
            WorldPhase.Result world = runner.run(new WorldPhase(), bench);
            AuditPhase.Result audits = runner.run(new AuditPhase(), bench);
            BasePhase.Result base = runner.run(new BasePhase(), bench);
            bench.base(Path.of(base.directory()));
            ExpertsPhase.Result experts = runner.run(new ExpertsPhase(), bench);
            GatePhase gate = new GatePhase();
            GatePhase.Result scores = runner.run(gate, bench);
            PublishPhase publish = new PublishPhase();
            PublishPhase.Result published = runner.run(publish, bench);
            Composition composition = new Composition();
            Composition.Result together = runner.run(composition, bench);
            RouterPhase router = new RouterPhase();
            RouterPhase.Result routing = runner.run(router, bench);
            MemoryPhase memory = new MemoryPhase();
            MemoryPhase.Result remembered = runner.run(memory, bench);
            ServePhase serve = new ServePhase(published, together);
            ServePhase.Result served = runner.run(serve, bench);
            ReproducePhase reproduce = new ReproducePhase(world);
            ReproducePhase.Result again = runner.run(reproduce, bench);

            List<Claim> claims = new ArrayList<>();
            claims.add(gate.claim(scores));
            claims.addAll(publish.claims(bench, published));
            claims.add(router.claim(routing));
            claims.add(composition.claim(together));
            claims.add(memory.claim(remembered));
            claims.add(serve.claim(served));
            claims.addAll(Open.claims());
            claims.add(AuditPhase.claim(audits));
            claims.add(reproduce.claim(again));
            Report report = new Report(options.size().id(), options.seed(), machine(bench), hashes(world, base),
                    (System.nanoTime() - start) * 1e-9, peak(runner.records()), runner.records(), sorted(claims),
                    Tables.of(base, experts, scores, published, together, routing, served), Plots.of(base, experts));
            report.write(options.out());
            return report;
        }
    }

    /// Serves what a finished run left in the output directory, until the process is stopped.
    public static void serve(DemoOptions options, DemoProgress progress) throws IOException, InterruptedException {
        try (Workbench bench = new Workbench(options, progress)) {
            bench.base(Path.of(PhaseRunner.result(options.out(), new BasePhase()).directory()));
            Map<String, String> serve = PhaseRunner.result(options.out(), new PublishPhase()).serve();
            try (Serving serving = Serving.start(bench, RouterFiles.load(bench.router(), (id, directory) -> null), serve, options.port())) {
                progress.note("ready  " + serving.url() + "  (Ctrl-C stops it)");
                new CountDownLatch(1).await();
            }
        }
    }

    private static long peak(List<PhaseRecord> phases) {
        return phases.stream().mapToLong(PhaseRecord::peakBytes).max().orElse(-1);
    }

    private static List<Claim> sorted(List<Claim> claims) {
        return claims.stream().sorted((a, b) -> Integer.compare(number(a), number(b))).toList();
    }

    private static int number(Claim claim) {
        return Integer.parseInt(claim.id().substring(1));
    }

    private static Map<String, String> hashes(WorldPhase.Result world, BasePhase.Result base) {
        Map<String, String> hashes = new LinkedHashMap<>();
        hashes.put("world", world.worldHash());
        hashes.put("tokenizer", world.tokenizerHash());
        hashes.put("corpus", world.corpusHash());
        hashes.put("base", Path.of(base.directory()).getFileName().toString());
        return hashes;
    }

    private static Map<String, String> machine(Workbench bench) throws IOException {
        Map<String, String> facts = new LinkedHashMap<>();
        facts.put("cpu", processor());
        facts.put("cores", Runtime.getRuntime().availableProcessors() + " cores, " + bench.engine().kernels().workers().threads() + " threads");
        facts.put("kernels", bench.engine().kernels().id());
        facts.put("java", "Java " + Runtime.version());
        facts.put("os", System.getProperty("os.name") + " " + System.getProperty("os.arch"));
        return facts;
    }

    private static String processor() {
        try {
            for (String line : Files.readAllLines(Path.of("/proc/cpuinfo"))) {
                if (line.toLowerCase(Locale.ROOT).startsWith("model name")) return line.substring(line.indexOf(':') + 1).strip();
            }
        } catch (IOException e) {
            return System.getProperty("os.arch");
        }
        return System.getProperty("os.arch");
    }
}
