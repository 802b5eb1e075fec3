// SPDX-License-Identifier: Apache-2.0
package dev.stoa.format;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.stoa.EngineFault;
import dev.stoa.Fault;
import dev.stoa.FaultException;
import dev.stoa.tensor.DType;
import dev.stoa.tensor.Ledger;
import dev.stoa.tensor.Scope;
import dev.stoa.tensor.Tensor;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.Map;
import org.assertj.core.api.Assertions;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class SafetensorsTest {
    private static final String A = "\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}";
    @TempDir Path dir;
    private final Scope scope = new Ledger().scope("test");

    @AfterEach
    void close() {
        scope.close();
    }

    @Test
    void roundTripsEveryPlainTypeAndUnusualNames() throws IOException {
        Map<String, Tensor> tensors = new java.util.HashMap<>();
        for (DType dtype : DType.values()) {
            if (!dtype.quantized()) tensors.put("t \"é\\" + dtype, filled(dtype));
        }
        Path file = dir.resolve("all.safetensors");
        SafetensorsWriter.write(file, tensors, Map.of("made by", "a test"));
        Safetensors read = Safetensors.open(file, scope);
        assertThat(read.names()).isEqualTo(tensors.keySet());
        assertThat(read.metadata()).containsEntry("made by", "a test").containsEntry("format", "pt");
        tensors.forEach((name, tensor) -> {
            assertThat(read.find(name).dtype()).isEqualTo(tensor.dtype());
            assertThat(read.find(name).data().mismatch(tensor.data())).isEqualTo(-1);
        });
        assertThat(Safetensors.inspect(file).dataStart() % 8).isZero();
    }

    @Test
    void emptyFileOfTensorsIsLegal() throws IOException {
        SafetensorsWriter.write(dir.resolve("none.safetensors"), Map.of(), Map.of());
        assertThat(Safetensors.open(dir.resolve("none.safetensors"), scope).names()).isEmpty();
    }

    @Test
    void writerRefusesQuantizedTensors() {
        Tensor packed = scope.tensor(DType.Q8_0, 1, 32);
        assertThatThrownBy(() -> SafetensorsWriter.write(dir.resolve("q"), Map.of("w", packed), Map.of()))
                .isInstanceOf(IllegalArgumentException.class).hasMessageContaining("w is Q8_0");
    }

    @Test
    void namesHoleOverlapShortFileAndTrailingBytes() throws IOException {
        assertBad(header("{" + A + "}", 8), null, null);
        assertBad(header("{" + A + ",\"b\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[9,10]}}", 10), "hole before it", "b");
        assertBad(header("{" + A + ",\"b\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[7,9]}}", 9), "overlaps", "b");
        assertBad(header("{" + A + ",\"b\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}", 8), "overlaps", "b");
        assertBad(header("{" + A + "}", 7), "cut short", "got: 7 data bytes");
        assertBad(header("{" + A + "}", 9), "bytes follow the last tensor", "expected: 8");
    }

    @Test
    void namesDuplicateKeysAndBadJson() throws IOException {
        assertBad(header("{" + A + "," + A + "}", 8), "Duplicate", "(header):1:");
        assertBad(header("{\"a\":{\"dtype\":\"F32\",\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}", 8), "Duplicate", "");
        assertBad(header("{" + A, 8), "not valid JSON", "(header)");
        assertBad(header("{" + A + "} x", 8), "not valid JSON", "");
        assertBad(header(" {" + A + "}", 8), "not a JSON object", "");
        assertBad(header("{\"__metadata__\":{\"a\":1}}", 0), "__metadata__", "");
        assertBad(header("{\"\":".repeat(200) + "1" + "}".repeat(200), 0), "not valid JSON", "");
        byte[] malformed = header("{" + A + ",\"__metadata__\":{\"x\":\"?\"}}", 8);
        for (int i = 0; i < malformed.length; i++) if (malformed[i] == '?') malformed[i] = (byte) 0xff;
        assertBad(malformed, "UTF-8", "");
    }

    @Test
    void namesBadDescriptionsTogether() throws IOException {
        String b = "\"b\":{\"dtype\":\"F32\",\"shape\":[-1],\"data_offsets\":[0,8]}";
        String c = "\"c\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,9223372036854775807]}";
        String d = "\"d\":{\"dtype\":\"F32\",\"shape\":[4611686018427387904,8],\"data_offsets\":[0,8]}";
        String e = "\"e\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[18446744073709551616,8]}";
        String f = "\"f\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[8,0],\"more\":1}";
        String g = "\"g\":{\"dtype\":\"F32\",\"shape\":[1.5],\"data_offsets\":[0,8]}";
        String all = String.join(",", b, c, d, e, f, g);
        Fault fault = bad(header("{" + A + "," + all + "}", 8));
        assertThat(fault.issues()).hasSize(6).anyMatch(issue -> issue.startsWith("d: the shape is too large"))
                .anyMatch(issue -> issue.startsWith("c: data_offsets do not fit"))
                .anyMatch(issue -> issue.startsWith("f: bad description"));
        Fault unknown = bad(header("{" + A.replace("F32", "Q9") + "}", 8));
        assertThat(unknown.code()).isEqualTo(EngineFault.UNSUPPORTED_DTYPE);
        assertThat(unknown.oneLine()).contains("tensor a", "Q9", "BF16", "next");
    }

    @Test
    void refusesImpossibleHeaderLengthsWithoutReadingThem() throws IOException {
        for (long length : new long[] {0, 1, 100_000_001, 1L << 31, 1L << 32, Long.MAX_VALUE, -1, Long.MIN_VALUE}) {
            byte[] file = header("{}", 0);
            ByteBuffer.wrap(file).order(ByteOrder.LITTLE_ENDIAN).putLong(length);
            assertBad(file, "header length is out of range", "expected: 2 to 100000000");
        }
        assertBad(new byte[7], "too short", "");
        Path sparse = dir.resolve("sparse");
        try (RandomAccessFile file = new RandomAccessFile(sparse.toFile(), "rw")) {
            file.setLength(102_000_000);
            file.write(ByteBuffer.allocate(8).order(ByteOrder.LITTLE_ENDIAN).putLong(101_000_000).array());
        }
        assertThatThrownBy(() -> Safetensors.open(sparse, scope)).isInstanceOf(FaultException.class)
                .hasMessageContaining("header length is out of range");
        assertThatThrownBy(() -> Safetensors.open(dir.resolve("absent"), scope)).isInstanceOf(NoSuchFileException.class);
    }

    @Test
    void shardsMustAgreeWithTheirIndex() throws IOException {
        SafetensorsWriter.write(dir.resolve("m-1.safetensors"), Map.of("a", Tensor.of(new float[] {1}, 1)), Map.of());
        SafetensorsWriter.write(dir.resolve("m-2.safetensors"),
                Map.of("b", Tensor.of(new float[] {2}, 1), "a2", Tensor.of(new float[] {3}, 1)), Map.of());
        Weights both = shards("\"a\":\"m-1.safetensors\",\"b\":\"m-2.safetensors\",\"a2\":\"m-2.safetensors\"");
        assertThat(both.names()).containsExactly("a", "a2", "b");
        assertThat(both.find("b").get(0)).isEqualTo(2);
        assertShardIssue("\"a\":\"m-1.safetensors\",\"b\":\"m-2.safetensors\"", "a2: in m-2.safetensors, but not in the index");
        assertShardIssue("\"a\":\"m-1.safetensors\",\"b\":\"m-1.safetensors\",\"a2\":\"m-2.safetensors\"", "the index says m-1");
        assertShardIssue("\"a\":\"m-1.safetensors\",\"x\":\"m-1.safetensors\"", "x: in the index, but in no shard");
        assertShardIssue("\"a\":\"m-3.safetensors\"", "m-3.safetensors: the shard is missing");
        assertShardIssue("\"a\":\"../m-1.safetensors\"", "outside the directory");
        assertShardIssue("\"a\":\"/etc/m-1.safetensors\"", "outside the directory");
        SafetensorsWriter.write(dir.resolve("m-3.safetensors"), Map.of("a", Tensor.of(new float[] {9}, 1)), Map.of());
        assertShardIssue("\"a\":\"m-1.safetensors\",\"z\":\"m-3.safetensors\"", "a: in two shards");
    }

    private Weights shards(String map) throws IOException {
        Files.writeString(dir.resolve("i.index.json"), "{\"metadata\":{},\"weight_map\":{" + map + "}}");
        return ShardedSafetensors.open(dir.resolve("i.index.json"), scope);
    }

    private void assertShardIssue(String map, String issue) {
        assertThatThrownBy(() -> shards(map)).isInstanceOf(FaultException.class).hasMessageContaining(issue);
    }

    private Tensor filled(DType dtype) {
        Tensor tensor = scope.tensor(dtype, 3, 5);
        for (long i = 0; i < tensor.data().byteSize(); i++) {
            tensor.data().set(java.lang.foreign.ValueLayout.JAVA_BYTE, i, (byte) (i * 37 + dtype.ordinal()));
        }
        return tensor;
    }

    private static byte[] header(String json, int dataBytes) {
        byte[] text = json.getBytes(StandardCharsets.UTF_8);
        return ByteBuffer.allocate(8 + text.length + dataBytes).order(ByteOrder.LITTLE_ENDIAN)
                .putLong(text.length).put(text).array();
    }

    private void assertBad(byte[] bytes, String what, String detail) throws IOException {
        if (what == null) {
            Files.write(dir.resolve("good"), bytes);
            assertThat(Safetensors.open(dir.resolve("good"), scope).names()).containsExactly("a");
            return;
        }
        assertThat(bad(bytes).oneLine()).contains(what, detail, "where: ", "next: ");
    }

    private Fault bad(byte[] bytes) throws IOException {
        Path file = Files.write(dir.resolve("bad.safetensors"), bytes);
        try {
            Safetensors.open(file, scope);
        } catch (FaultException refused) {
            return refused.fault();
        }
        return Assertions.fail("accepted");
    }
}
