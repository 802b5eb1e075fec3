// SPDX-License-Identifier: Apache-2.0
package dev.stoa.library;

import static dev.stoa.library.LibraryFixture.add;
import static dev.stoa.library.LibraryFixture.facts;
import static dev.stoa.library.LibraryFixture.failed;
import static dev.stoa.library.LibraryFixture.manifest;
import static dev.stoa.library.LibraryFixture.passed;
import static dev.stoa.library.LibraryFixture.release;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.stoa.ExpertsFault;
import dev.stoa.Fault;
import dev.stoa.FaultException;
import dev.stoa.adapter.Adapter;
import dev.stoa.adapter.AdapterHash;
import dev.stoa.adapter.Delta;
import dev.stoa.adapter.PeftReader;
import dev.stoa.adapter.PeftWriter;
import dev.stoa.adapter.TargetId;
import dev.stoa.tensor.Ledger;
import dev.stoa.tensor.Scope;
import dev.stoa.tensor.Tensor;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class LibraryTest {
    @TempDir
    Path directory;

    private Library open() throws IOException {
        return Library.open(directory.resolve("library"));
    }

    private static void refused(Fault.Code code, String naming, ThrowingCallable call) {
        assertThatThrownBy(call).isInstanceOf(FaultException.class).hasMessageContaining(naming)
                .satisfies(thrown -> assertThat(((FaultException) thrown).fault().code()).isEqualTo(code));
    }

    @Test
    void aPublishedVersionIsActiveForEveryReaderAndItsFilesCanBeMounted() throws IOException {
        Library library = open();
        Library server = open();
        long before = server.generation();
        Active active = release(library, directory, "spice", "1.0.0");
        assertThat(active.generation()).isEqualTo(1);
        assertThat(server.generation()).isGreaterThan(before);
        assertThat(server.active("spice")).contains(active);
        assertThat(server.actives()).containsExactly(Map.entry("spice", active));

        Path mounted = server.materialize("spice", "1.0.0");
        assertThat(mounted.resolve("adapter_model.safetensors")).hasContent("factors of 1.0.0");
        assertThat(mounted.resolve("optimizer.json")).doesNotExist();
        byte[] sidecar = Files.readAllBytes(mounted.resolve("stoa-expert.json"));
        ExpertVersion stored = server.find("spice", "1.0.0").orElseThrow();
        assertThat(Manifest.parse(sidecar, "sidecar")).isEqualTo(stored.manifest());
        assertThat(stored.manifest().adapter().adapterHash()).isEqualTo(facts("spice1.0.0").adapterHash());
        assertThat(server.materialize("spice", "1.0.0")).isEqualTo(mounted);
        assertThat(library.active("nobody")).isEmpty();
        assertThat(library.find("nobody", "1.0.0")).isEmpty();
    }

    @Test
    void aPeftDirectoryIsReadStoredAndMountedAsTheSameAdapter() throws IOException {
        float[] factor = {1, 2, 3, 4, 5, 6, 7, 8};
        TreeMap<TargetId, Delta> entries = new TreeMap<>(Map.of(TargetId.ofPath("layers.0.mlp.up_proj"),
                new Delta.LowRank(Tensor.of(factor, 2, 4), Tensor.of(factor, 4, 2), 3)));
        Path source = directory.resolve("peft");
        PeftWriter.write(new Adapter(AdapterHash.of(entries), LibraryFixture.BASE, entries), "base",
                List.of("layers.0.mlp.up_proj"), source);
        Library library = open();
        Manifest.AdapterPart part = library.add(manifest("spice", "1.0.0"), source).manifest().adapter();
        assertThat(part.adapterHash()).isEqualTo(AdapterHash.of(entries));
        assertThat(part.rank()).isEqualTo(2);
        assertThat(part.scale()).isEqualTo(3);
        assertThat(part.alpha()).isEqualTo(6);
        assertThat(part.params()).isEqualTo(16);
        assertThat(part.targets()).containsExactly("mlp.up_proj");
        try (Scope scope = new Ledger().scope("test")) {
            Adapter mounted = PeftReader.read(library.materialize("spice", "1.0.0"),
                    Map.of("layers.0.mlp.up_proj", new long[] {4, 4}), scope);
            assertThat(mounted.hash()).isEqualTo(part.adapterHash());
            assertThat(mounted.baseHash()).isEqualTo(LibraryFixture.BASE);
        }
        refused(ExpertsFault.MANIFEST_INVALID, "another base",
                () -> library.add(manifest("spice", "1.0.1", LibraryFixture.OTHER_BASE), source));
        Files.writeString(source.resolve("adapter_model.safetensors"), "torn");
        assertThatThrownBy(() -> library.add(manifest("spice", "1.0.1"), source)).isInstanceOf(FaultException.class);
        assertThat(library.versions("spice")).hasSize(1);
    }

    @Test
    void publishingAgainSupersedesAndRollbackReturnsAndRejects() throws IOException {
        Library library = open();
        release(library, directory, "spice", "1.0.0");
        Active second = release(library, directory, "spice", "1.1.0");
        assertThat(second.generation()).isEqualTo(2);
        assertThat(library.find("spice", "1.0.0").orElseThrow().state()).isEqualTo(State.SUPERSEDED);

        Active back = library.rollback("spice", Optional.empty(), List.of(failed("gate", 1)));
        assertThat(back.version()).isEqualTo("1.0.0");
        assertThat(back.generation()).isEqualTo(3);
        ExpertVersion left = library.find("spice", "1.1.0").orElseThrow();
        assertThat(left.state()).isEqualTo(State.REJECTED);
        assertThat(left.evidence()).extracting(Evidence::status).containsExactly(0, 1);
        assertThat(library.find("spice", "1.0.0").orElseThrow().evidence()).extracting(Evidence::status)
                .containsExactly(0);
        assertThat(library.history("spice")).extracting(HistoryLine::event).endsWith(
                HistoryLine.Event.INTENT, HistoryLine.Event.COMMIT);

        refused(ExpertsFault.NO_ROLLBACK_TARGET, "1.1.0: is rejected",
                () -> library.rollback("spice", Optional.empty(), List.of()));
        assertThat(open().active("spice")).contains(back);
    }

    @Test
    void rollbackSkipsVersionsOfAnotherBaseAndThoseThatDidNotPass() throws IOException {
        Library library = open();
        release(library, directory, "spice", "1.0.0");
        library.add(manifest("spice", "1.1.0", LibraryFixture.OTHER_BASE), directory.resolve("adapter-1-0-0"),
                facts("x"));
        library.move("spice", "1.1.0", State.GATING, "gate", List.of());
        library.publish("spice", "1.1.0", List.of(passed("gate", null)));
        add(library, directory, "spice", "1.2.0");
        library.move("spice", "1.2.0", State.GATING, "gate", List.of());
        library.publish("spice", "1.2.0", List.of(failed("gate", 4)));
        release(library, directory, "spice", "1.3.0");

        refused(ExpertsFault.NO_ROLLBACK_TARGET, "another base",
                () -> library.rollback("spice", Optional.of("1.1.0"), List.of()));
        refused(ExpertsFault.NO_ROLLBACK_TARGET, "did not pass [gate]",
                () -> library.rollback("spice", Optional.of("1.2.0"), List.of()));
        refused(ExpertsFault.NO_ROLLBACK_TARGET, "unknown version",
                () -> library.rollback("spice", Optional.of("9.9.9"), List.of()));
        assertThat(library.active("spice").orElseThrow().version()).isEqualTo("1.3.0");
        assertThat(library.rollback("spice", Optional.empty(), List.of()).version()).isEqualTo("1.0.0");
    }

    @Test
    void aRevokedVersionServesNobody() throws IOException {
        Library library = open();
        release(library, directory, "spice", "1.0.0");
        long before = library.generation();
        library.withdraw("spice", State.REVOKED, "leaked data", List.of());
        assertThat(library.active("spice")).isEmpty();
        assertThat(library.generation()).isGreaterThan(before);
        refused(ExpertsFault.EXPERT_REVOKED, "spice@1.0.0", () -> library.materialize("spice", "1.0.0"));
        refused(ExpertsFault.NO_ROLLBACK_TARGET, "no active version",
                () -> library.rollback("spice", Optional.empty(), List.of()));
        assertThat(release(library, directory, "spice", "1.0.1").generation()).isEqualTo(3);
    }

    @Test
    void aBaseOnlyVersionMayBeGatedAgain() throws IOException {
        Library library = open();
        release(library, directory, "math", "1.0.0");
        library.withdraw("math", State.BASE_ONLY, "no measured gain", List.of(failed("uplift", 5)));
        assertThat(library.active("math")).isEmpty();
        library.move("math", "1.0.0", State.GATING, "new evaluation", List.of());
        assertThat(library.publish("math", "1.0.0", List.of(passed("uplift", .2))).version()).isEqualTo("1.0.0");
        assertThat(library.find("math", "1.0.0").orElseThrow().evidence()).extracting(Evidence::status)
                .containsExactly(0, 5, 0);
    }

    @Test
    void onlyTheListedMovesExistAndTheErrorNamesBothStates() throws IOException {
        Library library = open();
        add(library, directory, "spice", "1.0.0");
        refused(ExpertsFault.STATE_MOVE_REFUSED, "from trained to published",
                () -> library.publish("spice", "1.0.0", List.of()));
        refused(ExpertsFault.STATE_MOVE_REFUSED, "from trained to held",
                () -> library.move("spice", "1.0.0", State.HELD, "", List.of()));
        refused(ExpertsFault.STATE_MOVE_REFUSED, "spice", () -> library.withdraw("spice", State.REVOKED, "",
                List.of()));
        library.move("spice", "1.0.0", State.GATING, "", List.of());
        refused(ExpertsFault.STATE_MOVE_REFUSED, "from gating to published",
                () -> library.move("spice", "1.0.0", State.PUBLISHED, "", List.of()));
        library.publish("spice", "1.0.0", List.of());
        refused(ExpertsFault.STATE_MOVE_REFUSED, "from published to superseded",
                () -> library.move("spice", "1.0.0", State.SUPERSEDED, "", List.of()));
        refused(ExpertsFault.STATE_MOVE_REFUSED, "from published to superseded",
                () -> library.withdraw("spice", State.SUPERSEDED, "", List.of()));
        refused(ExpertsFault.UNKNOWN_EXPERT, "spice@2.0.0", () -> library.publish("spice", "2.0.0", List.of()));
    }

    @Test
    void everyMoveOfTheTableIsTheOneOfTheSpecification() {
        Map<State, List<State>> allowed = Map.of(
                State.DRAFT, List.of(State.QUEUED, State.CANCELLED),
                State.QUEUED, List.of(State.TRAINING, State.CANCELLED),
                State.TRAINING, List.of(State.TRAINED, State.FAILED, State.CANCELLED),
                State.TRAINED, List.of(State.GATING, State.CANCELLED),
                State.GATING, List.of(State.PUBLISHED, State.HELD, State.REJECTED, State.BASE_ONLY, State.FAILED),
                State.HELD, List.of(State.GATING, State.CANCELLED),
                State.PUBLISHED, List.of(State.SUPERSEDED, State.REJECTED, State.BASE_ONLY, State.REVOKED),
                State.SUPERSEDED, List.of(State.PUBLISHED),
                State.BASE_ONLY, List.of(State.GATING),
                State.FAILED, List.of(State.QUEUED));
        for (State state : State.values()) {
            assertThat(state.next()).as(state.id())
                    .containsExactlyInAnyOrderElementsOf(allowed.getOrDefault(state, List.of()));
            assertThat(State.ofId(state.id())).isEqualTo(state);
        }
    }

    @Test
    void namesThatLeaveTheDirectoryOrDifferOnlyInCaseAreRefused() throws IOException {
        Library library = open();
        for (String name : new String[] {"", ".", "..", "../x", "a/b", "a\\b", "Spice", "a..b", ".hidden", "x\u0000",
                "a b",
            "-rf", "é", "a".repeat(65), "con."}) {
            refused(ExpertsFault.MANIFEST_INVALID, "not usable as a name", () -> manifest(name, "1.0.0"));
            refused(ExpertsFault.INVALID_NAME, "name", () -> library.move(name, "1.0.0", State.GATING, "", List.of()));
            refused(ExpertsFault.INVALID_NAME, "name", () -> library.materialize(name, "1.0.0"));
            assertThat(library.active(name)).isEmpty();
        }
        for (String version : new String[] {"", "1", "1.0", "v1.0.0", "1.0.0/..", "../1.0.0", "01.0.0", "1.0.0-",
                "1.0.0-A"}) {
            refused(ExpertsFault.MANIFEST_INVALID, "MAJOR.MINOR.PATCH", () -> manifest("spice", version));
            refused(ExpertsFault.INVALID_NAME, "version", () -> library.materialize("spice", version));
        }
        assertThatThrownBy(() -> library.keepReport("gate", "../../x", new byte[1]))
                .isInstanceOf(IllegalArgumentException.class);
        try (var files = Files.walk(directory.resolve("library/experts"))) {
            assertThat(files).hasSize(1);
        }
    }

    @Test
    void aDirectoryThatIsNoAdapterIsRefusedWithEveryReason() throws IOException {
        Library library = open();
        Path pickle = Files.createDirectories(directory.resolve("pickle"));
        Files.writeString(pickle.resolve("adapter_model.bin"), "x");
        refused(ExpertsFault.UNSAFE_ADAPTER_FILE, "convert to safetensors",
                () -> library.add(manifest("spice", "1.0.0"), pickle, facts("x")));
        refused(ExpertsFault.UNSAFE_ADAPTER_FILE, "adapter_config.json is missing",
                () -> library.add(manifest("spice", "1.0.0"), pickle, facts("x")));
        refused(ExpertsFault.UNSAFE_ADAPTER_FILE, "no such directory",
                () -> library.add(manifest("spice", "1.0.0"), directory.resolve("absent"), facts("x")));
        assertThat(library.list()).isEmpty();
        add(library, directory, "spice", "1.0.0");
        refused(ExpertsFault.VERSION_EXISTS, "spice@1.0.0", () -> add(library, directory, "spice", "1.0.0"));
    }

    @Test
    void aFlippedByteInABlobIsRefusedNamingTheBlob() throws IOException {
        Library library = open();
        release(library, directory, "spice", "1.0.0");
        Manifest.StoredFile file = library.find("spice", "1.0.0").orElseThrow().manifest().adapter().files().get(1);
        Path blob = directory.resolve("library/objects/sha256").resolve(file.sha256().substring(0, 2))
                .resolve(file.sha256());
        byte[] good = Files.readAllBytes(blob);
        for (boolean mounted : new boolean[] {false, true}) {
            if (mounted) library.materialize("spice", "1.0.0");
            byte[] bad = good.clone();
            bad[3] ^= 0x40;
            blob.toFile().setWritable(true);
            Files.write(blob, bad);
            refused(ExpertsFault.BLOB_CORRUPT, file.sha256(), () -> library.materialize("spice", "1.0.0"));
            Files.write(blob, good);
        }
        String manifest = library.find("spice", "1.0.0").orElseThrow().manifestHash();
        Path manifestBlob = directory.resolve("library/objects/sha256").resolve(manifest.substring(0, 2))
                .resolve(manifest);
        manifestBlob.toFile().setWritable(true);
        Files.writeString(manifestBlob, Files.readString(manifestBlob).replace("1024", "1025"));
        refused(ExpertsFault.BLOB_CORRUPT, manifest, () -> library.find("spice", "1.0.0"));
        Files.delete(directory.resolve("library/index.json"));
        assertThat(open().list()).singleElement().satisfies(row -> assertThat(row.problem()).contains(manifest));
    }

    @Test
    void anEditedHistoryBreaksTheChainAndOnlyThatExpert() throws IOException {
        Library library = open();
        release(library, directory, "spice", "1.0.0");
        release(library, directory, "cpp", "1.0.0");
        library.close();
        Path history = directory.resolve("library/experts/spice/history.jsonl");
        Files.writeString(history, Files.readString(history).replace("\"reason\":\"gate\"", "\"reason\":\"okay\""));
        Library again = open();
        refused(ExpertsFault.LIBRARY_CORRUPT, "line 3", () -> again.history("spice"));
        refused(ExpertsFault.LIBRARY_CORRUPT, "history.jsonl", () -> add(again, directory, "spice", "2.0.0"));
        assertThat(again.active("spice").orElseThrow().version()).isEqualTo("1.0.0"); // what serves keeps serving
        Files.writeString(history, Files.readString(history) + "x"); // so that the index row no longer counts
        assertThat(again.list()).extracting(ExpertRow::name).containsExactly("cpp", "spice");
        assertThat(again.list().get(1).problem()).contains("library_corrupt");
        assertThat(again.list().get(0).problem()).isNull();
    }

    @Test
    void aRowShowsTheActiveVersionWithItsUplift() throws IOException {
        try (Library library = open()) {
            add(library, directory, "spice", "1.0.0");
            assertThat(library.list()).singleElement().satisfies(row -> {
                assertThat(row.active()).isFalse();
                assertThat(row.uplift()).isNull();
                assertThat(row.state()).isEqualTo(State.TRAINED);
            });
            library.move("spice", "1.0.0", State.GATING, "", List.of());
            library.publish("spice", "1.0.0", List.of(passed("gate", null), passed("uplift", .75)));
            add(library, directory, "spice", "1.1.0");
        }
        for (int round = 0; round < 2; round++) { // from the index, and without it
            ExpertRow row = open().list().getFirst();
            assertThat(row.version()).isEqualTo("1.0.0");
            assertThat(row.active()).isTrue();
            assertThat(row.uplift()).isEqualTo(.75);
            assertThat(row.generation()).isEqualTo(1);
            assertThat(row.bytes()).isEqualTo("factors of 1.0.0".length() + "{\"peft_type\": \"LORA\", \"r\": 8}"
                    .length());
            assertThat(row.baseHash()).isEqualTo(LibraryFixture.BASE);
            Files.delete(directory.resolve("library/index.json"));
        }
    }

    @Test
    void aReportIsKeptUnderItsRunAndByContent() throws IOException {
        Library library = open();
        byte[] report = "{\"healthy\":true}".getBytes(StandardCharsets.UTF_8);
        String hash = library.keepReport("health", "01ARZ3NDEKTSV4RRFFQ69G5FAV", report);
        assertThat(library.blob(hash)).isEqualTo(report);
        assertThat(directory.resolve("library/evidence/health/01ARZ3NDEKTSV4RRFFQ69G5FAV.json"))
                .hasBinaryContent(report);
    }
}
