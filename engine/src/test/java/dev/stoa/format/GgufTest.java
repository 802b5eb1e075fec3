// SPDX-License-Identifier: Apache-2.0
package dev.stoa.format;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.stoa.EngineFault;
import dev.stoa.FaultException;
import dev.stoa.tensor.DType;
import dev.stoa.tensor.Ledger;
import dev.stoa.tensor.Scope;
import dev.stoa.tensor.Tensor;
import java.io.IOException;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HexFormat;
import java.util.Map;
import java.util.TreeSet;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import tools.jackson.databind.JsonNode;

/// Files of the reference writer (tools/golden/gguf_files.py), and what a hostile one is refused with.
class GgufTest {
    private static final Path GOLDEN = Path.of("src/test/resources/golden/gguf");
    @TempDir Path dir;
    private final Scope scope = new Ledger().scope("test");

    @AfterEach
    void close() {
        scope.close();
    }

    @ParameterizedTest
    @ValueSource(strings = {"plain.gguf", "aligned.gguf", "version2.gguf", "split-00001-of-00003.gguf", "split-00003-of-00003.gguf"})
    void readsTensorsAsTheReferenceReaderDoes(String name) throws IOException {
        Gguf file = Gguf.open(GOLDEN.resolve(name), scope);
        JsonNode expected = Json.readObject(GOLDEN.resolve("plain.json"), 1 << 20, EngineFault.BAD_CONTAINER);
        assertThat(file.names()).isEqualTo(new TreeSet<>(expected.propertyNames()));
        for (Map.Entry<String, JsonNode> item : expected.properties()) {
            Tensor tensor = file.find(item.getKey());
            assertThat(tensor.dtype().name()).isEqualTo(item.getValue().get("type").stringValue());
            long[] shape = new long[tensor.rank()];
            for (int i = 0; i < shape.length; i++) shape[i] = item.getValue().get("shape").get(i).longValue();
            assertThat(tensor.shape()).as(item.getKey()).isEqualTo(shape);
            assertThat(HexFormat.of().formatHex(tensor.data().toArray(ValueLayout.JAVA_BYTE))).isEqualTo(item.getValue().get("hex").stringValue());
        }
        assertThat(file.files()).hasSize(name.startsWith("split") ? 3 : 1);
        assertThat(file.metadata().text("general.architecture")).isEqualTo("llama");
    }

    @Test
    void keepsEveryMetadataType() throws IOException {
        GgufMetadata metadata = Gguf.inspect(GOLDEN.resolve("plain.gguf")).metadata();
        assertThat(metadata.integer("t.u8")).isEqualTo(200);
        assertThat(metadata.integer("t.i8")).isEqualTo(-7);
        assertThat(metadata.integer("t.u16")).isEqualTo(60000);
        assertThat(metadata.integer("t.i16")).isEqualTo(-30000);
        assertThat(metadata.number("t.u32")).isEqualTo(4e9);
        assertThat(metadata.integer("t.i32")).isEqualTo(-2000000000);
        assertThat(metadata.get("t.u64").value()).isEqualTo(Long.MIN_VALUE + 5);
        assertThat(metadata.get("t.i64").value()).isEqualTo(-(1L << 62));
        assertThat(metadata.number("t.f32")).isEqualTo(0.1f);
        assertThat(metadata.number("t.f64")).isEqualTo(0.1);
        assertThat(metadata.flag("t.bool", false)).isTrue();
        assertThat(metadata.text("t.text")).isEqualTo("h\u00e9llo \uD83D\uDE00\n");
        assertThat(metadata.integers("t.ints")).containsExactly(1, -2, 3);
        assertThat(metadata.numbers("t.floats")).containsExactly(0.5, -1.25);
        assertThat(metadata.texts("t.texts")).containsExactly("a", "", "\u00df");
        assertThat(metadata.flags("t.flags")).containsExactly(true, false, true);
        assertThat(metadata.perLayer("llama.attention.head_count_kv", 3)).containsExactly(4, 2, 4);
        assertThat(metadata.perLayer("llama.block_count", 2)).containsExactly(3, 3);
        assertThat(metadata.integer("absent", 9)).isEqualTo(9);
        assertThat(Gguf.open(GOLDEN.resolve("plain.gguf"), scope).tokenizerHash()).hasSize(64);
    }

    @Test
    void namesKeyAndTypeWhenMetadataAreNotAsNeeded() throws IOException {
        GgufMetadata metadata = Gguf.inspect(GOLDEN.resolve("plain.gguf")).metadata();
        assertThatThrownBy(() -> metadata.integer("absent")).hasMessageContaining("plain.gguf: absent").hasMessageContaining("missing");
        assertThatThrownBy(() -> metadata.integer("t.u32")).hasMessageContaining("U32 4000000000").hasMessageContaining("32-bit");
        assertThatThrownBy(() -> metadata.text("t.ints")).hasMessageContaining("I32[3]").hasMessageContaining("a string");
        assertThatThrownBy(() -> metadata.texts("t.ints")).hasMessageContaining("an array of strings");
        assertThatThrownBy(() -> metadata.perLayer("llama.attention.head_count_kv", 2)).hasMessageContaining("or 2 of them");
        assertThatThrownBy(() -> metadata.flag("t.u8", true)).hasMessageContaining("a bool");
    }

    @Test
    void copiesAndRenamedFilesHaveOneIdentity() throws IOException {
        Path copy = Files.copy(GOLDEN.resolve("plain.gguf"), dir.resolve("other.gguf"));
        assertThat(Gguf.open(copy, scope).modelHash()).isEqualTo(Gguf.open(GOLDEN.resolve("plain.gguf"), scope).modelHash());
        assertThat(Gguf.open(GOLDEN.resolve("version2.gguf"), scope).modelHash())
                .isNotEqualTo(Gguf.open(GOLDEN.resolve("plain.gguf"), scope).modelHash());
    }

    @Test
    void splitSetsMustBeComplete() throws IOException {
        Files.copy(GOLDEN.resolve("split-00001-of-00003.gguf"), dir.resolve("split-00001-of-00003.gguf"));
        refused(EngineFault.MISSING_FILE, dir.resolve("split-00001-of-00003.gguf"), "split-00002-of-00003.gguf is missing");
        Files.copy(GOLDEN.resolve("split-00002-of-00003.gguf"), dir.resolve("split-00003-of-00003.gguf"));
        Files.copy(GOLDEN.resolve("split-00003-of-00003.gguf"), dir.resolve("split-00002-of-00003.gguf"));
        refused(EngineFault.BAD_CONTAINER, dir.resolve("split-00001-of-00003.gguf"), "says it is part 3 of 3, read as part 2 of 3");
        Files.copy(GOLDEN.resolve("split-00001-of-00003.gguf"), dir.resolve("lone.gguf"));
        refused(EngineFault.BAD_CONTAINER, dir.resolve("lone.gguf"), "part 1 of 3, read as part 1 of 1");
    }

    @Test
    void refusesWhatCannotBeWhatItSays() throws IOException {
        refused("not a GGUF file", head(0x46554748, 3, 0, 0));
        refused("big-endian", head(0x46554747, 0x03000000, 0, 0));
        refused("2 or 3", head(0x46554747, 1, 0, 0));
        refused("the number of tensors is out of range", head(0x46554747, 3, Long.MAX_VALUE, 0));
        refused("the number of metadata pairs is out of range", head(0x46554747, 3, 0, -1));
        ByteBuffer pair = head(0x46554747, 3, 0, 1);
        refused("unknown type", text(copy(pair), "k").putInt(13));
        refused("arrays not nested", text(copy(pair), "k").putInt(9).putInt(9).putLong(0));
        refused("the size of k is out of range", text(copy(pair), "k").putInt(9).putInt(4).putLong(1L << 31));
        refused("not a bool", text(copy(pair), "k").putInt(7).put((byte) 2));
        refused("the length of the value of k", text(copy(pair), "k").putInt(8).putLong(1L << 40));
        ByteBuffer twice = text(text(head(0x46554747, 3, 0, 2), "k").putInt(0).put((byte) 1), "k").putInt(0).put((byte) 1);
        refused("there twice", twice);
        refused("alignment is not usable", text(copy(pair), "general.alignment").putInt(4).putInt(48));
    }

    @Test
    void refusesTensorsThatDoNotFit() throws IOException {
        ByteBuffer one = head(0x46554747, 3, 1, 0);
        refused("type 16, expected one of F32 (0)", tensor(copy(one), "x", 16, 0, 256));
        refused("rows of 31 values do not fill Q8_0 blocks", tensor(copy(one), "x", 8, 0, 31));
        refused("too large", tensor(copy(one), "x", 0, 0, Long.MAX_VALUE, 4));
        refused("400 bytes at 0, but the file has", tensor(copy(one), "x", 0, 0, 100));
        refused("not aligned to 32", tensor(copy(one), "x", 0, 4, 1).put(new byte[64]));
        refused("rank of x is out of range", text(copy(one), "x").putInt(5).put(new byte[64]));
        ByteBuffer two = head(0x46554747, 3, 2, 0);
        refused("y: overlaps", tensor(tensor(copy(two), "x", 0, 0, 10), "y", 0, 32, 2).put(new byte[128]));
        refused("x: the name is there twice", tensor(tensor(copy(two), "x", 0, 0, 1), "x", 0, 32, 1).put(new byte[128]));
        Path good = write(tensor(tensor(copy(two), "x", 0, 0, 2), "y", 0, 32, 2).put(new byte[128]));
        assertThat(Gguf.open(good, scope).find("y").dtype()).isEqualTo(DType.F32);
    }

    private static ByteBuffer head(int magic, int version, long tensors, long pairs) {
        return ByteBuffer.allocate(512).order(ByteOrder.LITTLE_ENDIAN).putInt(magic).putInt(version).putLong(tensors).putLong(pairs);
    }

    private static ByteBuffer copy(ByteBuffer source) {
        return ByteBuffer.allocate(512).order(ByteOrder.LITTLE_ENDIAN).put(source.duplicate().flip());
    }

    private static ByteBuffer text(ByteBuffer to, String text) {
        byte[] utf8 = text.getBytes(StandardCharsets.UTF_8);
        return to.putLong(utf8.length).put(utf8);
    }

    private static ByteBuffer tensor(ByteBuffer to, String name, int type, long offset, long... ne) {
        text(to, name).putInt(ne.length);
        for (long n : ne) to.putLong(n);
        return to.putInt(type).putLong(offset);
    }

    private Path write(ByteBuffer bytes) throws IOException {
        bytes.flip();
        byte[] all = new byte[bytes.remaining()];
        bytes.get(all);
        return Files.write(dir.resolve("t.gguf"), all);
    }

    private void refused(String message, ByteBuffer bytes) throws IOException {
        while (bytes.position() < 64) bytes.put((byte) 0); // so that the counts are believable and the field itself is judged
        Path file = write(bytes);
        assertThatThrownBy(() -> Gguf.open(file, scope)).isInstanceOf(FaultException.class).hasMessageContaining(message);
    }

    private void refused(EngineFault code, Path file, String message) {
        assertThatThrownBy(() -> Gguf.open(file, scope)).hasMessageContaining(message)
                .isInstanceOfSatisfying(FaultException.class, e -> assertThat(e.fault().code()).isEqualTo(code));
    }
}
