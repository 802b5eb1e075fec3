// SPDX-License-Identifier: Apache-2.0
package dev.stoa.demo;

import dev.stoa.adapter.AdapterSet;
import dev.stoa.eval.world.Item;
import dev.stoa.eval.world.Split;
import dev.stoa.generate.Compose;
import dev.stoa.generate.Context;
import dev.stoa.generate.GenerateRequest;
import dev.stoa.library.ExpertVersion;
import dev.stoa.library.Library;
import dev.stoa.library.Manifest;
import dev.stoa.library.State;
import dev.stoa.route.RouterFiles;
import dev.stoa.route.RouterState;
import dev.stoa.serve.expert.Expert;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Predicate;

/// Serves the library through the OpenAI API: real prompts with routed experts, then requests while experts are swapped
/// and rolled back (claim D15).
final class ServePhase implements Phase<ServePhase.Result> {
    private static final int PROMPTS = 6;
    private static final int CLIENTS = 8;
    private static final int SWAPS = 50;
    private static final int ROLLBACKS = 5;
    private static final int QUESTIONS = 16;

    /// One prompt answered by the automatic pipeline.
    record Sample(String kind, String prompt, String answer, List<String> experts, boolean right, boolean routed) {}

    record Result(List<Sample> samples, int requests, int failures, int different, int swaps, int rollbacks, double seconds,
            List<String> problems) {
        private double share(String kind, Predicate<Sample> test) {
            List<Sample> of = samples.stream().filter(sample -> sample.kind().equals(kind)).toList();
            return of.isEmpty() ? 0 : (double) of.stream().filter(test).count() / of.size();
        }
    }

    private final PublishPhase.Result published;
    private final Composition.Result together;

    ServePhase(PublishPhase.Result published, Composition.Result together) {
        this.published = published;
        this.together = together;
    }

    @Override
    public String name() {
        return "8-serve";
    }

    @Override
    public String title() {
        return "server";
    }

    @Override
    public int budgetSeconds() {
        return 30;
    }

    @Override
    public Class<Result> resultType() {
        return Result.class;
    }

    @Override
    public Result run(Workbench bench) throws Exception {
        RouterState router = ServingRouter.fit(bench, published.published(), together);
        RouterFiles.save(bench.router(), router);
        bench.closeEngine();
        asPublished(bench);
        try (Serving serving = Serving.start(bench, router, published.serve(), 0); ChatClient client = new ChatClient(serving.url())) {
            List<Sample> samples = samples(bench, client);
            long start = System.nanoTime();
            Load load = new Load(bench, serving, client);
            load.run();
            return new Result(samples, load.asked.get(), load.failures.get(), load.different.get(), load.swaps, load.rollbacks,
                    (System.nanoTime() - start) * 1e-9, List.copyOf(load.problems));
        }
    }

    /// What an interrupted run of this phase did: an expert's version to roll back from may still serve, conversations may be
    /// remembered.
    private void asPublished(Workbench bench) throws IOException {
        Stored.deleteTree(Serving.memory(bench));
        try (Library library = Library.open(bench.library())) {
            for (PublishPhase.Decision decision : published.decisions()) {
                if (!decision.state().equals("published")) continue;
                String active = library.active(decision.expert()).orElseThrow().version();
                if (!active.equals(decision.version())) library.rollback(decision.expert(), Optional.of(decision.version()), List.of());
            }
        }
    }

    /// Prompts of one and of two domains, answered by whichever experts the router mounts.
    private List<Sample> samples(Workbench bench, ChatClient client) throws IOException, InterruptedException {
        List<Sample> samples = new ArrayList<>();
        List<String> names = published.published();
        for (String name : names) {
            for (int i = 0; i < PROMPTS; i++) samples.add(sample(bench, client, "one domain", List.of(name), bench.world.question(name, Split.TEST, 1000 + i)));
        }
        for (int i = 0; i < names.size() * PROMPTS / 2; i++) {
            List<String> pair = List.of(names.get(i % names.size()), names.get((i + 1 + i / names.size()) % names.size()));
            if (pair.get(0).equals(pair.get(1))) continue;
            samples.add(sample(bench, client, "two domains", pair, bench.world.together(pair, Split.TEST, 1000 + i)));
        }
        for (int i = 0; i < PROMPTS; i++) samples.add(sample(bench, client, "general", List.of(), bench.world.general(Split.TEST, 1000 + i)));
        return samples;
    }

    private static Sample sample(Workbench bench, ChatClient client, String kind, List<String> domains, Item item)
            throws IOException, InterruptedException {
        ChatClient.Answer answer = client.ask("stoa", item.prompt());
        boolean routed = answer.names().containsAll(domains) && domains.containsAll(answer.names());
        return new Sample(kind, item.prompt(), answer.text(), answer.names(), answer.status() == 200 && bench.world.verify(item, answer.text()).pass(), routed);
    }

    /// Many clients ask two experts while one of them is swapped between versions and rolled back. Every answer must be
    /// the one that the version it names gives alone.
    private static final class Load {
        private final Workbench bench;
        private final Serving serving;
        private final ChatClient client;
        private final String swapped;
        private final String steady;
        private final List<Item> items = new ArrayList<>();
        private final Map<String, String> isolated = new HashMap<>();
        final AtomicInteger asked = new AtomicInteger(), failures = new AtomicInteger(), different = new AtomicInteger();
        final ConcurrentLinkedQueue<String> problems = new ConcurrentLinkedQueue<>();
        int swaps, rollbacks;

        Load(Workbench bench, Serving serving, ChatClient client) throws IOException {
            this.bench = bench;
            this.serving = serving;
            this.client = client;
            List<String> naive = Composition.naiveDomains(bench.world);
            List<String> mounted = serving.experts().list().stream().map(Expert::name).toList();
            swapped = naive.stream().filter(mounted::contains).findFirst().orElseThrow(() -> new IllegalStateException("no expert to swap is published"));
            steady = mounted.stream().filter(name -> !name.equals(swapped)).findFirst().orElse(swapped);
            for (int i = 0; i < QUESTIONS; i++) items.add(bench.world.question(i % 2 == 0 ? swapped : steady, Split.TEST, 2000 + i));
            for (Path directory : List.of(composable(), naive(), bench.adapter(steady))) {
                Expert expert = serving.experts().load("isolated", "1", directory, "demo");
                try (var hold = serving.experts().acquire("isolated").orElseThrow()) {
                    for (Item item : items) isolated.put(expert.hash() + item.prompt(), alone(AdapterSet.of(hold.adapter()), item));
                }
            }
            serving.experts().unload("isolated");
        }

        private Path composable() {
            return bench.adapter(swapped);
        }

        private Path naive() {
            return bench.adapter(ExpertsPhase.Job.of(swapped, ExpertsPhase.Job.NAIVE).name());
        }

        private String alone(AdapterSet set, Item item) throws IOException {
            return serving.model().engine().generate(GenerateRequest.greedy(bench.encoder().prompt(item.prompt()), 48, set, Compose.SUM),
                    Context.NONE).text();
        }

        void run() throws IOException, InterruptedException, ExecutionException {
            int total = bench.settings.swapRequests();
            try (ExecutorService clients = Executors.newVirtualThreadPerTaskExecutor()) {
                List<Future<?>> done = new ArrayList<>();
                for (int c = 0; c < CLIENTS; c++) {
                    int first = c;
                    done.add(clients.submit(() -> {
                        for (int i = first; i < total; i += CLIENTS) request(i);
                        return null;
                    }));
                }
                while (swaps < SWAPS || rollbacks < ROLLBACKS) {
                    // changes are spread evenly over the requests
                    int due = (swaps + rollbacks) * total / (SWAPS + ROLLBACKS + 1);
                    if (asked.get() < due) {
                        Thread.sleep(2);
                        continue;
                    }
                    if (rollbacks * SWAPS < swaps * ROLLBACKS) rollBack();
                    else swap();
                    bench.progress.step("requests while experts are swapped", asked.get(), total);
                }
                for (Future<?> each : done) each.get();
            }
        }

        private void request(int index) throws InterruptedException {
            Item item = items.get(index % items.size());
            String name = item.domains().getFirst();
            try {
                ChatClient.Answer answer = client.ask(name, item.prompt());
                String expected = answer.experts().isEmpty() ? null : isolated.get(answer.experts().getFirst() + item.prompt());
                if (answer.status() != 200) {
                    failures.incrementAndGet();
                    problems.add(answer.status() + ": " + answer.text());
                } else if (!answer.text().equals(expected)) {
                    different.incrementAndGet();
                    problems.add(item.prompt() + " => " + answer.text() + ", alone " + expected);
                }
            } catch (IOException e) {
                failures.incrementAndGet();
                problems.add(String.valueOf(e));
            }
            asked.incrementAndGet();
        }

        private void swap() throws IOException {
            serving.experts().load(swapped, "swap-" + swaps, swaps % 2 == 0 ? naive() : composable(), "demo");
            swaps++;
        }

        /// Publishes the naive version as the next one and goes back.
        private void rollBack() throws IOException {
            String version = "3." + nextMinor(serving.library().versions(swapped)) + ".0";
            ExpertVersion active = serving.library().find(swapped, serving.library().active(swapped).orElseThrow().version()).orElseThrow();
            serving.library().add(Manifest.of(swapped, version, List.of(swapped), active.manifest().base(), CodeVersion.of(ServePhase.class)), naive());
            serving.library().move(swapped, version, State.GATING, "demo: a version to roll back from", List.of());
            serving.library().publish(swapped, version, List.of());
            serving.follower().follow();
            serving.library().rollback(swapped, Optional.of(active.version()), List.of());
            serving.follower().follow();
            rollbacks++;
        }

        /// The first one free among versions 3.x.0: an interrupted run may have made some.
        private static int nextMinor(List<ExpertVersion> versions) {
            return versions.stream().map(each -> each.version().split("\\.")).filter(parts -> parts[0].equals("3"))
                    .mapToInt(parts -> Integer.parseInt(parts[1]) + 1).max().orElse(0);
        }
    }

    /// Claim D15.
    Claim claim(Result result) {
        boolean holds = result.failures() == 0 && result.different() == 0;
        String detail = String.format(Locale.ROOT,
                "%d swaps, %d rollbacks, %.0f requests/s; one-domain prompts %.2f right (%.2f routed exactly), two-domain %.2f right (%.2f routed exactly)%s",
                result.swaps(), result.rollbacks(), result.requests() / result.seconds(), result.share("one domain", Sample::right),
                result.share("one domain", Sample::routed), result.share("two domains", Sample::right), result.share("two domains", Sample::routed),
                result.problems().isEmpty() ? "" : "; first problem: " + result.problems().getFirst());
        return Claim.required("D15", "requests during swaps and rollbacks neither fail nor change", holds,
                result.requests() - result.failures() - result.different(), null, result.requests(), null, detail);
    }
}
