// SPDX-License-Identifier: Apache-2.0
package dev.stoa.cli;

import dev.stoa.AppFault;
import dev.stoa.EngineFault;
import dev.stoa.Fault;
import dev.stoa.format.hub.FileSelection;
import dev.stoa.format.hub.HubCache;
import dev.stoa.format.hub.HubEndpoint;
import dev.stoa.format.hub.HubRepo;
import dev.stoa.format.hub.Pull;
import dev.stoa.format.hub.RepoInfo.RemoteFile;
import java.io.IOException;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.concurrent.atomic.AtomicLong;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/// `stoa pull REF`: a model from a hub into the cache that other tools share.
@Command(name = "pull", sortOptions = false, description = "Fetch a model from a hub; run again, it goes on where it stopped.",
        footer = {"", "Every file is checked against the hub's hash before it gets its name. The cache is that of the Hugging Face tools",
            "(HF_HUB_CACHE, HF_HOME); the hub is STOA_HUB_ENDPOINT, HF_ENDPOINT or the public one; HF_TOKEN says who asks.", "", "Examples:",
            "  stoa pull ORG/NAME", "  stoa pull ORG/NAME@REVISION --include '*.json' --dry-run", "  stoa pull ORG/NAME-GGUF:Q4_K_M"})
final class PullVerb implements Callable<Integer> {
    private static final int MOST_JOBS = 64;
    private final Session session;

    @Parameters(index = "0", paramLabel = "REF", description = "ORG/NAME[@REVISION][:QUANT]")
    private String reference;

    @Option(names = "--include", paramLabel = "GLOB", description = "Only files of this name; may be given several times.")
    private List<String> include = new ArrayList<>();

    @Option(names = "--exclude", paramLabel = "GLOB", description = "No file of this name; may be given several times.")
    private List<String> exclude = new ArrayList<>();

    @Option(names = "--quant", paramLabel = "NAME", description = "GGUF files with this in their name, as :QUANT.")
    private String quant;

    @Option(names = "--jobs", paramLabel = "N", description = "Files at once (4).")
    private int jobs = 4;

    @Option(names = "--dataset", description = "A dataset, not a model: all its files.")
    private boolean dataset;

    @Option(names = "--dry-run", description = "Say what would be fetched, and stop.")
    private boolean dryRun;

    @Option(names = "--offline", description = "Never use the network: find what is in the cache (also HF_HUB_OFFLINE=1).")
    private boolean offline;

    @Option(names = "--private-cache", description = "Into STOA_HOME/models instead of the cache other tools share.")
    private boolean own;

    PullVerb(Session session) {
        this.session = session;
    }

    @Override
    public Integer call() throws IOException, InterruptedException {
        Console console = session.console("pull");
        ModelReference named = ModelReference.of(reference);
        if (!HubRepo.valid(named.repo()) || jobs < 1 || jobs > MOST_JOBS || quant != null && named.part() != null) {
            throw Fault.of(AppFault.USAGE, "this cannot be pulled").got(reference + ", --jobs " + jobs + (quant == null ? "" : ", --quant " + quant))
                    .expected("ORG/NAME[@REVISION][:QUANT], --jobs 1 to " + MOST_JOBS).next("stoa pull --help").exception();
        }
        HubRepo repo = new HubRepo(dataset ? HubRepo.Kind.DATASET : HubRepo.Kind.MODEL, named.repo());
        HubCache cache = ModelReference.cache(session.terminal, own);
        boolean noNetwork = offline || List.of("1", "true", "yes", "on").contains(session.terminal.env().getOrDefault("HF_HUB_OFFLINE", "").toLowerCase(java.util.Locale.ROOT));
        if (noNetwork) return cached(console, cache, repo, named.revisionOrMain());
        FileSelection selection = new FileSelection(include, exclude, quant == null ? named.part() : quant);
        try (Pull pull = new Pull(cache, HubEndpoint.of(session.terminal.env()), jobs)) {
            Pull.Plan plan = pull.plan(repo, named.revisionOrMain(), selection);
            announce(console, plan);
            if (dryRun) {
                console.result(facts(plan));
                return ExitCode.DONE.number;
            }
            return fetch(console, pull, plan);
        }
    }

    private static int cached(Console console, HubCache cache, HubRepo repo, String revision) throws IOException {
        HubCache.Snapshot found = cache.find(repo, revision);
        if (found == null || !found.complete()) {
            throw Fault.of(EngineFault.HUB_NOT_FOUND, found == null ? "the cache does not have this, and the network is off" : "the cache has a part of this, and the network is off")
                    .where(cache.root()).got(repo + "@" + revision).expected("a complete snapshot").next("stoa pull " + repo + "@" + revision + " with the network").exception();
        }
        console.line("%s", found.path());
        console.result(ModelReference.facts(found));
        return ExitCode.DONE.number;
    }

    private static Map<String, Object> facts(Pull.Plan plan) {
        Map<String, Object> facts = new LinkedHashMap<>();
        facts.put("repo", plan.repo().id());
        facts.put("revision", plan.revision());
        facts.put("commit", plan.info().commit());
        facts.put("license", plan.info().license());
        facts.put("files", plan.files());
        facts.put("bytes", plan.bytes());
        facts.put("missing_bytes", plan.missing());
        facts.put("free_bytes", plan.free());
        return facts;
    }

    private static void announce(Console console, Pull.Plan plan) {
        console.say("%s@%s is commit %s, license %s", plan.repo(), plan.revision(), plan.info().commit(), plan.info().license() == null ? "not stated" : plan.info().license());
        for (RemoteFile file : plan.files()) console.say("  %12d  %s", file.size(), file.path());
        console.say("%d files, %.1f MB, %.1f MB to fetch, %.1f MB free", plan.files().size(), plan.bytes() / 1e6, plan.missing() / 1e6, plan.free() / 1e6);
        console.event("plan", facts(plan));
    }

    private int fetch(Console console, Pull pull, Pull.Plan plan) throws IOException, InterruptedException {
        String again = "stoa " + String.join(" ", session.arguments);
        Thread interrupted = new Thread(() -> {
            console.say("interrupted; what is there stays. Go on with: %s", again);
            pull.cancel();
        });
        Runtime.getRuntime().addShutdownHook(interrupted);
        try (Progress bar = console.progress("pull", plan.bytes(), "B")) {
            Pull.Result result = pull.run(plan, new Listener(console, bar));
            console.say("%d files fetched and checked by hash, %d were there. Next: stoa show %s", result.fetched(), result.files() - result.fetched(), plan.repo());
            console.line("%s", result.snapshot());
            Map<String, Object> facts = facts(plan);
            facts.put("path", result.snapshot().toString());
            facts.put("fetched", result.fetched());
            console.result(facts);
            return ExitCode.DONE.number;
        } finally {
            forget(interrupted);
        }
    }

    private static void forget(Thread hook) {
        try {
            Runtime.getRuntime().removeShutdownHook(hook);
        } catch (IllegalStateException ending) {
            // the process is being interrupted: the hook runs
        }
    }

    /// Adds up what arrives, from several threads.
    private static final class Listener implements Pull.Progress {
        private final Console console;
        private final Progress bar;
        private final AtomicLong done = new AtomicLong();

        Listener(Console console, Progress bar) {
            this.console = console;
            this.bar = bar;
        }

        @Override
        public void arrived(RemoteFile file, long bytes) {
            bar.update(done.addAndGet(bytes), file.path());
        }

        @Override
        public synchronized void finished(RemoteFile file, boolean fetched) {
            console.event("file", Map.of("path", file.path(), "bytes", file.size(), "fetched", fetched));
        }
    }
}
