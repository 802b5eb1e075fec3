// SPDX-License-Identifier: Apache-2.0
package dev.stoa.quant;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.stoa.EngineFault;
import dev.stoa.format.Json;
import dev.stoa.format.Sha256;
import dev.stoa.tensor.DType;
import dev.stoa.tensor.Tensor;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.Map;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import tools.jackson.databind.JsonNode;

/// Encoded blocks and decoded values are those of ggml bit for bit (tools/golden/quant_blocks.py), over 262,144 values of
/// 64 kinds: every magnitude from 2^-20 to 2^8, one-sided, sparse, heavy-tailed, with outliers, on a grid.
class BlockGoldenTest {
    private static final int COUNT = 1 << 18;
    private static JsonNode golden;
    private static float[] inputs;

    /// The generator of the script.
    private static final class Generator {
        private long state;

        Generator(long seed) {
            state = seed;
        }

        long next() {
            state = state * 6364136223846793005L + 1442695040888963407L;
            return state >>> 40;
        }
    }

    @BeforeAll
    static void load() throws IOException {
        golden = Json.readObject(Path.of("src/test/resources/golden/quant/blocks.json"), 1 << 20, EngineFault.BAD_CONTAINER);
        Generator g = new Generator(20261121);
        inputs = new float[COUNT];
        for (int b = 0; b < COUNT / 256; b++) {
            double scale = Math.scalb(1.0, b / 8 % 8 * 4 - 20);
            for (int i = 0; i < 256; i++) {
                double u0 = g.next() * 0x1p-24, u1 = g.next() * 0x1p-24, u2 = g.next() * 0x1p-24, u3 = g.next() * 0x1p-24;
                double bell = u0 + u1 + u2 + u3 - 2;
                double value = switch (b % 8) {
                    case 0 -> bell;
                    case 1 -> u0 * 2 - 1;
                    case 2 -> u0;
                    case 3 -> -u0;
                    case 4 -> i % 37 != 0 ? bell : bell * 50;
                    case 5 -> bell * bell * bell;
                    case 6 -> i / 16 % 2 != 0 ? bell : 0;
                    default -> Math.rint(u0 * 8) - 4;
                };
                inputs[b * 256 + i] = (float) (value * scale);
            }
        }
        assertThat(hash(floats(inputs))).isEqualTo(golden.get("inputs").stringValue());
    }

    @ParameterizedTest
    @EnumSource(names = {"Q8_0", "Q4_0", "Q4_K", "Q5_K", "Q6_K", "MXFP4", "NVFP4"})
    void encodesAndDecodesBitForBit(DType dtype) {
        QuantFormat format = Quant.format(dtype);
        MemorySegment data = MemorySegment.ofArray(new byte[(int) dtype.bytes(COUNT)]);
        data.fill((byte) 0x5a); // encoders must not rely on cleared memory
        format.encode(inputs, 0, COUNT, data, 0);
        JsonNode expected = golden.get(dtype.name());
        assertThat(hex(data.asSlice(0, dtype.blockBytes()))).isEqualTo(expected.get("first").stringValue());
        assertThat(hash(data)).isEqualTo(expected.get("encoded").stringValue());
        decodes(dtype, data, expected);
    }

    @ParameterizedTest
    @EnumSource(names = {"Q4_1", "Q5_0", "Q5_1", "Q2_K", "Q3_K", "IQ4_NL", "IQ4_XS"})
    void decodesWhatIsOnlyReadBitForBit(DType dtype) {
        Map<DType, MemorySegment> blocks = randomBlocks();
        decodes(dtype, blocks.get(dtype), golden.get(dtype.name()));
        assertThat(Quant.format(dtype).readOnly()).isTrue();
        assertThatThrownBy(() -> Quant.format(dtype).encode(inputs, 0, 256, blocks.get(dtype), 0))
                .hasMessageContaining(dtype.name()).hasMessageContaining("not written");
    }

    private static void decodes(DType dtype, MemorySegment data, JsonNode expected) {
        int count = (int) (data.byteSize() / dtype.blockBytes() * dtype.blockElements());
        float[] out = new float[count + 2];
        Arrays.fill(out, 7);
        Quant.format(dtype).decode(data, 0, out, 1, count);
        assertThat(out[0]).isEqualTo(7);
        assertThat(out[count + 1]).isEqualTo(7);
        float[] values = Arrays.copyOfRange(out, 1, count + 1);
        assertThat(hex(floats(Arrays.copyOf(values, 32)))).isEqualTo(expected.get("firstDecoded").stringValue());
        assertThat(hash(floats(values))).isEqualTo(expected.get("decoded").stringValue());
    }

    /// Random bytes with scales below 2, in the order in which the script draws them.
    private static Map<DType, MemorySegment> randomBlocks() {
        Map<DType, int[]> halves = new LinkedHashMap<>();
        halves.put(DType.Q4_1, new int[] {0, 2});
        halves.put(DType.Q5_0, new int[] {0});
        halves.put(DType.Q5_1, new int[] {0, 2});
        halves.put(DType.Q2_K, new int[] {80, 82});
        halves.put(DType.Q3_K, new int[] {108});
        halves.put(DType.IQ4_NL, new int[] {0});
        halves.put(DType.IQ4_XS, new int[] {0});
        Generator g = new Generator(7);
        Map<DType, MemorySegment> all = new LinkedHashMap<>();
        halves.forEach((dtype, places) -> {
            byte[] bytes = new byte[512 * dtype.blockBytes()];
            for (int i = 0; i < bytes.length; i++) bytes[i] = (byte) (g.next() >>> 16);
            for (int b = 0; b < 512; b++) for (int at : places) bytes[b * dtype.blockBytes() + at + 1] &= (byte) 0xbf;
            all.put(dtype, MemorySegment.ofArray(bytes));
        });
        return all;
    }

    /// The goldens see one candidate more or less in the search, another order of a sum, and a changed shift.
    @Test
    void seesSmallMistakes() {
        MemorySegment data = MemorySegment.ofArray(new byte[(int) DType.Q4_K.bytes(COUNT)]);
        AffineBlock shorter = new AffineBlock(15, 1, 19);
        for (int b = 0; b < COUNT / 256; b++) {
            shorter.fit(inputs, b * 256, data, b * 144L);
            for (int i = 0; i < 128; i++) {
                int at = i / 32 * 64 + i % 32;
                data.set(ValueLayout.JAVA_BYTE, b * 144L + 16 + i, (byte) (shorter.quants[at] | shorter.quants[at + 32] << 4));
            }
        }
        assertThat(hash(data)).isNotEqualTo(golden.get("Q4_K").get("encoded").stringValue());
        MemorySegment q3 = randomBlocks().get(DType.Q3_K);
        float[] values = new float[512 * 256];
        Quant.format(DType.Q2_K).decode(q3, 0, values, 0, 256);
        assertThat(hash(floats(values))).isNotEqualTo(golden.get("Q3_K").get("decoded").stringValue());
    }

    /// A value below half by one ulp is not rounded up, and an E8M0 scale of 255 is not a number.
    @Test
    void edges() {
        float[] values = new float[32];
        values[0] = 127;
        values[1] = Math.nextDown(0.5f);
        values[2] = -0.5f;
        MemorySegment block = MemorySegment.ofArray(new byte[34]);
        Quant.format(DType.Q8_0).encode(values, 0, 32, block, 0);
        assertThat(hex(block.asSlice(2, 3))).isEqualTo("7f00ff");
        Tensor bad = new Tensor(MemorySegment.ofArray(HexFormat.of().parseHex("ff" + "11".repeat(16))), DType.MXFP4, 32);
        assertThat(Quant.decode(bad)).containsOnly(Float.NaN);
    }

    private static MemorySegment floats(float[] values) {
        MemorySegment data = MemorySegment.ofArray(new byte[values.length * 4]);
        MemorySegment.copy(values, 0, data, Tensor.FLOAT, 0, values.length);
        return data;
    }

    private static String hash(MemorySegment data) {
        return new Sha256().bytes(data).hex();
    }

    private static String hex(MemorySegment data) {
        return HexFormat.of().formatHex(data.toArray(ValueLayout.JAVA_BYTE));
    }
}
