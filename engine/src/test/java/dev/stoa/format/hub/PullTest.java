// SPDX-License-Identifier: Apache-2.0
package dev.stoa.format.hub;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.stoa.EngineFault;
import dev.stoa.FaultException;
import dev.stoa.format.PackManifest;
import dev.stoa.format.RelativeNames;
import dev.stoa.format.hub.FakeHub.Fault;
import dev.stoa.format.hub.FakeHub.Served;
import dev.stoa.format.hub.RepoInfo.RemoteFile;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.concurrent.Callable;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// Pulls against a hub that misbehaves: whatever happens, the tree is byte-equal in the end or nothing wrong has its name.
class PullTest {
    private static final HubRepo REPO = HubRepo.model("org/tiny");
    private static final String WEIGHTS = "model.safetensors";
    private static final Pull.Progress SILENT = new Pull.Progress() {
        @Override
        public void arrived(RemoteFile file, long bytes) {}

        @Override
        public void finished(RemoteFile file, boolean fetched) {}
    };

    @TempDir Path folder;
    private FakeHub hub;
    private HubCache cache;
    private final List<Duration> waits = Collections.synchronizedList(new ArrayList<>());

    @BeforeEach
    void open() throws IOException {
        cache = new HubCache(folder.resolve("cache"));
        hub = new FakeHub().file(WEIGHTS, random(200_000, 1)).file("nested/more.safetensors", random(9000, 2)).file("config.json", "{\"model_type\":\"x\"}").file("merges.txt", "");
    }

    @AfterEach
    void close() {
        hub.close();
    }

    private static byte[] random(int size, long seed) {
        byte[] bytes = new byte[size];
        new SplittableRandom(seed).nextBytes(bytes);
        return bytes;
    }

    private Pull pull(String token, long free) {
        return new Pull(cache, hub.endpoint(token), new Pull.Options(4, Duration.ofMillis(400), directory -> free, waits::add));
    }

    private Pull.Result run() throws IOException, InterruptedException {
        return run(FileSelection.usual());
    }

    private Pull.Result run(FileSelection selection) throws IOException, InterruptedException {
        try (Pull pull = pull(null, Long.MAX_VALUE)) {
            return pull.run(pull.plan(REPO, "main", selection), SILENT);
        }
    }

    private Path snapshot() {
        return cache.snapshot(REPO, FakeHub.COMMIT);
    }

    private void assertComplete() throws IOException {
        assertThat(RelativeNames.below(snapshot())).containsExactlyElementsOf(hub.files.keySet());
        for (Map.Entry<String, byte[]> file : hub.files.entrySet()) assertThat(snapshot().resolve(file.getKey())).hasBinaryContent(file.getValue());
        assertNothingWrongHasAName();
        assertThat(Verification.of(snapshot())).allMatch(Verification.FileResult::ok).noneMatch(file -> file.expected() == null);
        assertThat(cache.find(REPO, "main")).satisfies(found -> {
            assertThat(found.complete()).isTrue();
            assertThat(found.managed()).isTrue();
        });
        try (var blobs = Files.list(cache.blobs(REPO))) {
            assertThat(blobs.map(blob -> blob.getFileName().toString()).filter(name -> name.endsWith(".incomplete"))).isEmpty();
        }
    }

    private void assertNothingWrongHasAName() throws IOException {
        if (!Files.isDirectory(cache.blobs(REPO))) return;
        try (var blobs = Files.list(cache.blobs(REPO))) {
            for (Path blob : blobs.toList()) {
                String name = blob.getFileName().toString();
                if (name.matches("[0-9a-f]+")) assertThat(FakeHub.etag(Files.readAllBytes(blob))).isEqualTo(name);
            }
        }
    }

    private FaultException refused(Callable<?> action) {
        try {
            action.call();
        } catch (FaultException fault) {
            return fault;
        } catch (Exception other) {
            throw new AssertionError("another failure", other);
        }
        throw new AssertionError("nothing was refused");
    }

    @Test
    void aPullMakesTheLayoutOfOtherToolsAndDoesNothingTwice() throws Exception {
        Pull.Result result = run();
        assertThat(result.fetched()).isEqualTo(4);
        assertComplete();
        assertThat(Files.readString(cache.folder(REPO).resolve("refs/main"))).isEqualTo(FakeHub.COMMIT);
        Path link = snapshot().resolve("nested/more.safetensors");
        assertThat(Files.readSymbolicLink(link)).isEqualTo(Path.of("../../../blobs", FakeHub.etag(hub.files.get("nested/more.safetensors"))));
        PackManifest manifest = PackManifest.read(snapshot());
        assertThat(manifest.root().get("source").get("commit").asString()).isEqualTo(FakeHub.COMMIT);
        assertThat(manifest.root().get("license").asString()).isEqualTo("apache-2.0");
        int requests = hub.served.size();
        assertThat(run().fetched()).isZero();
        assertThat(hub.served).hasSize(requests);
        Path elsewhere = folder.resolve("moved");
        Files.move(cache.root(), elsewhere);
        assertThat(Verification.of(new HubCache(elsewhere).snapshot(REPO, FakeHub.COMMIT))).allMatch(Verification.FileResult::ok);
    }

    @Test
    void everyCutIsContinuedAndLittleIsServedTwice() throws Exception {
        for (String path : List.of(WEIGHTS, "nested/more.safetensors", "config.json")) {
            int size = hub.files.get(path).length;
            for (long cut : new long[] {0, 1, 4095, 4096, size - 1}) {
                if (cut >= size) continue;
                cache = new HubCache(folder.resolve(path.replace('/', '_') + cut));
                hub.bytes.set(0);
                hub.cut(path, cut);
                run();
                assertComplete();
                long total = hub.files.values().stream().mapToLong(bytes -> bytes.length).sum();
                assertThat(hub.bytes.get()).as(path + " cut after " + cut).isBetween(total, total + (64 << 10));
                hub.fault(path, Fault.NONE);
            }
        }
    }

    @Test
    void faultsThatPassAreSurvived() throws Exception {
        for (Fault fault : List.of(Fault.STALL, Fault.WRONG_BYTES_ONCE, Fault.OTHER_ETAG_ONCE, Fault.REDIRECT, Fault.TOO_MANY, Fault.NO_LENGTH, Fault.IGNORES_RANGE)) {
            cache = new HubCache(folder.resolve(fault.name()));
            hub.fault(WEIGHTS, fault);
            run();
            assertComplete();
        }
        assertThat(waits).contains(Duration.ofSeconds(7));
    }

    @Test
    void aPartOfAnEarlierRunIsContinuedOrThrownAway() throws Exception {
        byte[] whole = hub.files.get(WEIGHTS);
        for (Fault fault : List.of(Fault.NONE, Fault.IGNORES_RANGE, Fault.WRONG_CONTENT_RANGE, Fault.NOT_SATISFIABLE, Fault.REDIRECT)) {
            for (boolean right : new boolean[] {true, false}) {
                cache = new HubCache(folder.resolve(fault.name() + right));
                byte[] part = java.util.Arrays.copyOf(whole, 50_000);
                if (!right) part[7] ^= 1;
                Path incomplete = cache.blobs(REPO).resolve(FakeHub.etag(whole) + ".incomplete");
                Files.createDirectories(incomplete.getParent());
                Files.write(incomplete, part);
                hub.fault(WEIGHTS, fault);
                hub.served.clear();
                run();
                assertComplete();
                assertThat(hub.served).filteredOn(one -> one.path().equals(WEIGHTS)).first().extracting(Served::range).isEqualTo("bytes=50000-");
                boolean reused = right && (fault == Fault.NONE || fault == Fault.REDIRECT);
                assertThat(hub.served.stream().filter(one -> one.path().equals(WEIGHTS) && one.range() == null).findAny().isEmpty()).as(fault + " " + right)
                        .isEqualTo(reused || fault == Fault.IGNORES_RANGE);
            }
        }
    }

    @Test
    void aWholePartOfAnEarlierRunNeedsNoRequest() throws Exception {
        Path incomplete = cache.blobs(REPO).resolve(FakeHub.etag(hub.files.get(WEIGHTS)) + ".incomplete");
        Files.createDirectories(incomplete.getParent());
        Files.write(incomplete, hub.files.get(WEIGHTS));
        run();
        assertComplete();
        assertThat(hub.served).noneMatch(one -> one.path().equals(WEIGHTS));
    }

    @Test
    void faultsThatStayAreNamedAndLeaveNothingUnderAFinalName() throws Exception {
        Map<Fault, EngineFault> refusals = Map.of(Fault.WRONG_BYTES, EngineFault.HASH_MISMATCH, Fault.TOO_LONG, EngineFault.HASH_MISMATCH,
                Fault.GATED, EngineFault.HUB_DENIED, Fault.REDIRECT_LOOP, EngineFault.HUB_INVALID);
        for (Map.Entry<Fault, EngineFault> one : refusals.entrySet()) {
            cache = new HubCache(folder.resolve(one.getKey().name()));
            hub.fault(WEIGHTS, one.getKey());
            FaultException refused = refused(this::run);
            assertThat(refused.fault().code()).as(one.getKey().name()).isEqualTo(one.getValue());
            assertThat(refused.fault().got()).isNotNull();
            assertThat(refused.fault().expected()).isNotNull();
            assertThat(refused.fault().next()).isNotNull();
            assertNothingWrongHasAName();
            assertThat(snapshot().resolve(PackManifest.NAME)).doesNotExist();
            assertThat(cache.find(REPO, FakeHub.COMMIT).complete()).isFalse();
            assertThat(cache.resolve(REPO, "main")).isNull();
            hub.fault(WEIGHTS, Fault.NONE);
            run();
            assertComplete();
        }
    }

    @Test
    void theTokenStaysAtTheHub() throws Exception {
        hub.needsToken = FakeHub.TOKEN;
        assertThat(refused(this::run).fault()).satisfies(fault -> {
            assertThat(fault.code()).isEqualTo(EngineFault.HUB_DENIED);
            assertThat(fault.next()).contains("HF_TOKEN");
        });
        hub.fault(WEIGHTS, Fault.REDIRECT);
        try (Pull pull = pull(FakeHub.TOKEN, Long.MAX_VALUE)) {
            pull.run(pull.plan(REPO, "main", FileSelection.usual()), SILENT);
        }
        assertComplete();
        assertThat(hub.served).filteredOn(Served::elsewhere).isNotEmpty().allMatch(one -> one.authorization() == null);
        assertThat(hub.served).filteredOn(one -> !one.elsewhere()).allMatch(one -> ("Bearer " + FakeHub.TOKEN).equals(one.authorization()));
    }

    @Test
    void aHubThatIsDownIsAskedSixTimesWithGrowingPauses() {
        hub.fault(WEIGHTS, Fault.UNAVAILABLE);
        assertThatThrownBy(this::run).isInstanceOf(IOException.class).hasMessageContaining("503").hasMessageContaining("6 attempts");
        assertThat(hub.served).filteredOn(one -> one.status() == 503).hasSize(6);
        // a busy machine may cut another request's connection, which costs a pause of its own
        List<Duration> last = waits.subList(waits.size() - 5, waits.size());
        for (int i = 0; i < 5; i++) assertThat(last.get(i).toMillis()).isBetween((long) (800 << i), (long) (1200 << i));
        waits.clear();
        hub.fault(WEIGHTS, Fault.ALWAYS_CUT);
        assertThatThrownBy(this::run).isInstanceOf(IOException.class).hasMessageContaining("6 attempts");
    }

    @Test
    void listingsThatCannotBeUsedAreRefused() throws Exception {
        hub.listingFailures = 2;
        run();
        String good = "{\"rfilename\":\"%s\",\"size\":1,\"blobId\":\"" + "a".repeat(40) + "\"}";
        for (String name : List.of("../evil", "/etc/passwd", "a\\\\b", "a\\u0000b", "a//b", "c:evil", "a/./b", "")) {
            hub.listing = "{\"sha\":\"" + FakeHub.COMMIT + "\",\"siblings\":[" + good.formatted(name) + "]}";
            assertThat(refused(this::run).fault().code()).as(name).isEqualTo(EngineFault.UNSAFE_FILE);
        }
        hub.listing = "{\"sha\":\"" + FakeHub.COMMIT + "\",\"siblings\":[" + good.formatted("Config.json") + "," + good.formatted("config.JSON") + "]}";
        assertThat(refused(this::run).fault().code()).isEqualTo(EngineFault.UNSAFE_FILE);
        for (String broken : List.of("{\"sha\":\"../../x\",\"siblings\":[]}", "{\"sha\":\"" + FakeHub.COMMIT + "\"}", "{",
                "{\"sha\":\"" + FakeHub.COMMIT + "\",\"siblings\":[{\"rfilename\":\"x\",\"size\":-1,\"blobId\":\"" + "a".repeat(40) + "\"}]}",
                "{\"sha\":\"" + FakeHub.COMMIT + "\",\"siblings\":[{\"rfilename\":\"x\",\"size\":1,\"blobId\":\"../x\"}]}")) {
            hub.listing = broken;
            assertThat(refused(this::run).fault().code()).as(broken).isEqualTo(EngineFault.HUB_INVALID);
        }
        hub.listing = "<html>sign in</html>";
        hub.listingType = "text/html";
        assertThat(refused(this::run).fault().got()).contains("text/html");
    }

    @Test
    void tenThousandFilesAreListed() throws Exception {
        StringBuilder all = new StringBuilder("{\"sha\":\"" + FakeHub.COMMIT + "\",\"siblings\":[");
        for (int i = 0; i < 10_000; i++) all.append(i == 0 ? "" : ",").append("{\"rfilename\":\"f/%d.json\",\"size\":5,\"blobId\":\"%040x\"}".formatted(i, i));
        hub.listing = all.append("]}").toString();
        try (Pull pull = pull(null, 1L << 40)) {
            assertThat(pull.plan(REPO, "main", FileSelection.usual()).files()).hasSize(10_000);
        }
    }

    @Test
    void aFullDiskIsRefusedBeforeTheFirstByte() throws Exception {
        try (Pull pull = pull(null, 256L << 20)) {
            Pull.Plan plan = pull.plan(REPO, "main", FileSelection.usual());
            assertThat(refused(() -> pull.run(plan, SILENT)).fault().code()).isEqualTo(EngineFault.DISK_FULL);
        }
        assertThat(hub.served).isEmpty();
        assertThat(cache.root()).doesNotExist();
    }

    @Test
    void picklesAreNeverChosenAndGgufOnlyByName() throws Exception {
        hub.files.clear();
        hub.file("pytorch_model.bin", "x").file("config.json", "{}");
        assertThat(refused(this::run).fault().code()).isEqualTo(EngineFault.UNSAFE_FILE);
        hub.files.clear();
        hub.file("m-Q4_K_M.gguf", random(5000, 3)).file("m-Q8_0.gguf", random(5000, 4)).file("config.json", "{}");
        assertThat(refused(this::run).fault().issues()).containsExactly("m-Q4_K_M.gguf", "m-Q8_0.gguf");
        run(new FileSelection(List.of(), List.of(), "q8_0"));
        assertThat(RelativeNames.below(snapshot())).containsExactly("config.json", "m-Q8_0.gguf");
        hub.file("a/b.txt", "1").file("a/c/d.txt", "2");
        try (Pull pull = pull(null, 1L << 40)) {
            assertThat(pull.plan(REPO, "main", new FileSelection(List.of("a/*"), List.of(), null)).files()).extracting(RemoteFile::path).containsExactly("a/b.txt");
            assertThat(pull.plan(REPO, "main", new FileSelection(List.of("a/**", "*.gguf"), List.of("*Q4*", "b.*"), null)).files()).extracting(RemoteFile::path)
                    .containsExactly("a/c/d.txt", "m-Q8_0.gguf");
        }
    }

    @Test
    void pullsAtOnceFetchEachBlobOnce() throws Exception {
        try (var threads = Executors.newVirtualThreadPerTaskExecutor()) {
            List<Future<Pull.Result>> all = new ArrayList<>();
            for (int i = 0; i < 3; i++) {
                all.add(threads.submit(() -> {
                    try (Pull pull = new Pull(cache, hub.endpoint(null), new Pull.Options(4, Duration.ofSeconds(5), directory -> Long.MAX_VALUE, null))) {
                        return pull.run(pull.plan(REPO, "main", FileSelection.usual()), SILENT);
                    }
                }));
            }
            int fetched = 0;
            for (Future<Pull.Result> one : all) fetched += one.get().fetched();
            assertThat(fetched).isEqualTo(4);
        }
        assertThat(hub.served).hasSize(3);      // the empty file needs no request
        assertComplete();
    }

    @Test
    void removingASnapshotKeepsWhatAnotherUses() throws Exception {
        run();
        String other = "f".repeat(40);
        Path second = cache.snapshot(REPO, other);
        Files.createDirectories(second);
        Path shared = Files.readSymbolicLink(snapshot().resolve("config.json"));
        Files.createSymbolicLink(second.resolve("config.json"), shared);
        long freed = cache.remove(cache.find(REPO, "main"));
        assertThat(freed).isGreaterThanOrEqualTo(209_000);
        assertThat(snapshot()).doesNotExist();
        assertThat(cache.resolve(REPO, "main")).isNull();
        assertThat(second.resolve("config.json")).hasBinaryContent(hub.files.get("config.json"));
        cache.remove(cache.find(REPO, other));
        try (var blobs = Files.list(cache.blobs(REPO))) {
            assertThat(blobs).isEmpty();
        }
        assertThat(cache.snapshots()).isEmpty();
    }
}
