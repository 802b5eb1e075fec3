// SPDX-License-Identifier: Apache-2.0
package dev.stoa.store;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.stoa.ExpertsFault;
import dev.stoa.FaultException;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class AppendLogTest {
    @TempDir
    Path directory;

    private static byte[] bytes(String text) {
        return text.getBytes(StandardCharsets.UTF_8);
    }

    private static List<String> read(Path file) throws IOException {
        List<String> records = new ArrayList<>();
        AppendLog.open(file, record -> records.add(new String(record, StandardCharsets.UTF_8))).close();
        return records;
    }

    @Test
    void whatWasAppendedIsReplayedInOrder() throws IOException {
        Path file = directory.resolve("a.log");
        try (AppendLog log = AppendLog.open(file, record -> { throw new AssertionError("a new log is empty"); })) {
            log.append(bytes("one"));
            log.append(List.of(bytes("two"), bytes("three")));
        }
        try (AppendLog log = AppendLog.open(file, record -> {})) {
            log.append(bytes("four"));
            assertThat(log.size()).isEqualTo(Files.size(file));
        }
        assertThat(read(file)).containsExactly("one", "two", "three", "four");
    }

    @Test
    void everyTruncationKeepsTheWholeRecordsBeforeIt() throws IOException {
        Path file = directory.resolve("a.log");
        List<Long> ends = new ArrayList<>();
        try (AppendLog log = AppendLog.open(file, record -> {})) {
            for (String text : List.of("alpha", "b", "gamma gamma")) {
                log.append(bytes(text));
                ends.add(log.size());
            }
        }
        byte[] whole = Files.readAllBytes(file);
        for (int cut = 16; cut <= whole.length; cut++) {
            Path torn = directory.resolve("torn.log");
            Files.write(torn, Arrays.copyOf(whole, cut));
            int expected = 0;
            while (expected < ends.size() && ends.get(expected) <= cut) expected++;
            assertThat(read(torn)).as("cut at %d", cut).hasSize(expected);
            try (AppendLog log = AppendLog.open(torn, record -> {})) {
                log.append(bytes("after"));
            }
            assertThat(read(torn)).hasSize(expected + 1).endsWith("after");
        }
    }

    @Test
    void garbageInPlaceOfTheLastRecordIsATornTail() throws IOException {
        Path file = directory.resolve("a.log");
        long good;
        try (AppendLog log = AppendLog.open(file, record -> {})) {
            log.append(bytes("kept"));
            good = log.size();
        }
        byte[] garbage = new byte[5000];
        new SplittableRandom(7).nextBytes(garbage);
        for (byte[] tail : List.of(garbage, new byte[4096])) {
            byte[] content = Arrays.copyOf(Files.readAllBytes(file), (int) good + tail.length);
            System.arraycopy(tail, 0, content, (int) good, tail.length);
            Path torn = directory.resolve("torn.log");
            Files.write(torn, content);
            assertThat(read(torn)).containsExactly("kept");
            assertThat(Files.size(torn)).isEqualTo(good);
        }
    }

    @Test
    void aDamagedRecordBeforeGoodOnesIsRefusedWithItsPlace() throws IOException {
        Path file = directory.resolve("a.log");
        try (AppendLog log = AppendLog.open(file, record -> {})) {
            log.append(bytes("first"));
            log.append(bytes("second"));
            log.append(bytes("third"));
        }
        byte[] whole = Files.readAllBytes(file);
        for (int at = 16; at < whole.length - (8 + "third".length()); at++) {
            byte[] flipped = whole.clone();
            flipped[at] ^= 0x10;
            Files.write(file, flipped);
            assertThatThrownBy(() -> read(file)).isInstanceOf(FaultException.class)
                    .satisfies(e -> assertThat(((FaultException) e).fault().code()).isEqualTo(ExpertsFault.LOG_CORRUPT))
                    .hasMessageContaining("a.log at byte");
            assertThat(Files.readAllBytes(file)).isEqualTo(flipped); // refused means untouched
        }
    }

    /// Mutant: a checksum without salt and offset would take the copied frame inside the payload for a record.
    @Test
    void aPayloadThatImitatesAFrameIsNeverARecord() throws IOException {
        Path file = directory.resolve("a.log");
        try (AppendLog log = AppendLog.open(file, record -> {})) {
            log.append(bytes("genuine"));
            byte[] frame = Arrays.copyOfRange(Files.readAllBytes(file), 16, (int) log.size());
            log.append(frame);
        }
        byte[] whole = Files.readAllBytes(file);
        Files.write(file, Arrays.copyOf(whole, whole.length - 1)); // torn: only the imitation is whole
        byte[] padded = Arrays.copyOf(Files.readAllBytes(file), whole.length - 1);
        Files.write(file, padded);
        assertThat(read(file)).containsExactly("genuine");
    }

    @Test
    void rewriteLeavesNothingBehind() throws IOException {
        Path file = directory.resolve("a.log");
        try (AppendLog log = AppendLog.open(file, record -> {})) {
            log.append(List.of(bytes("keep"), bytes("secret canary")));
            log.rewrite(List.of(bytes("keep")));
            log.append(bytes("later"));
        }
        assertThat(read(file)).containsExactly("keep", "later");
        assertThat(Files.readString(file, StandardCharsets.ISO_8859_1)).doesNotContain("canary");
    }

    @Test
    void aForeignFileAndImpossibleRecordsAreRefused() throws IOException {
        Path file = directory.resolve("a.log");
        Files.writeString(file, "something else entirely");
        assertThatThrownBy(() -> read(file)).isInstanceOf(FaultException.class).hasMessageContaining("STOALOG1");
        Files.delete(file);
        try (AppendLog log = AppendLog.open(file, record -> {})) {
            assertThatThrownBy(() -> log.append(new byte[0])).isInstanceOf(IllegalArgumentException.class);
            assertThatThrownBy(() -> log.append(new byte[AppendLog.MAX_RECORD + 1]))
                    .isInstanceOf(IllegalArgumentException.class);
        }
        assertThat(read(file)).isEmpty();
    }
}
