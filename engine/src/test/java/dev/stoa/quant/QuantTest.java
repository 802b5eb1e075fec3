// SPDX-License-Identifier: Apache-2.0
package dev.stoa.quant;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import dev.stoa.EngineFault;
import dev.stoa.FaultException;
import dev.stoa.tensor.DType;
import dev.stoa.tensor.Ledger;
import dev.stoa.tensor.Scope;
import dev.stoa.tensor.Tensor;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.HexFormat;
import java.lang.foreign.ValueLayout;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class QuantTest {
    private static Tensor bytes(String hex, DType dtype, long... shape) {
        return new Tensor(MemorySegment.ofArray(HexFormat.of().parseHex(hex.replace(" ", ""))), dtype, shape);
    }

    private static String hex(Tensor tensor) {
        return HexFormat.of().formatHex(tensor.data().toArray(ValueLayout.JAVA_BYTE));
    }

    @Test
    void plainFormatsDecodeBytesWrittenByHand() {
        assertThat(Quant.decode(bytes("0000803f 000020c1", DType.F32, 2))).containsExactly(1, -10);
        assertThat(Quant.decode(bytes("803f 20c1 807f", DType.BF16, 3))).containsExactly(1, -10, Float.POSITIVE_INFINITY);
        assertThat(Quant.decode(bytes("003c 00c9 0100", DType.F16, 3))).containsExactly(1, -10, 0x1p-24f);
    }

    @Test
    void bf16RoundsToNearestEvenAndKeepsNan() {
        try (Scope scope = new Ledger().scope("test")) {
            float[] values = {
                Float.intBitsToFloat(0x3f808000), // tie, even below
                Float.intBitsToFloat(0x3f818000), // tie, even above
                Float.intBitsToFloat(0x3f808001), // above the tie
                Float.intBitsToFloat(0x7f800001), // NaN whose upper half alone would read as infinity
                Float.MAX_VALUE
            };
            assertThat(hex(Quant.encode(values, DType.BF16, scope, 5))).isEqualTo("803f" + "823f" + "813f" + "c07f" + "807f");
        }
    }

    @Test
    void q8BlockByHand() {
        // d = 0.5 (f16 0x3800), q = 0, 1, -1, 127, -128, then zeros
        String block = "0038" + "0001ff7f80" + "00".repeat(27);
        float[] values = Quant.decode(bytes(block, DType.Q8_0, 32));
        assertThat(values).startsWith(0, 0.5f, -0.5f, 63.5f, -64).hasSize(32);
        try (Scope scope = new Ledger().scope("test")) {
            float[] input = new float[32];
            input[0] = 63.5f;
            input[1] = -0.25f; // half a step: away from zero
            input[2] = 0.25f;
            input[3] = 0.24f;
            assertThat(hex(Quant.encode(input, DType.Q8_0, scope, 32))).isEqualTo("0038" + "7fff0100" + "00".repeat(28));
        }
    }

    @Test
    void q4BlockByHand() {
        // d = 1; low nibbles 0..15 are elements 0..15, high nibble 15 - j is element 16 + j
        StringBuilder block = new StringBuilder("003c");
        for (int j = 0; j < 16; j++) block.append("%02x".formatted(j | 15 - j << 4));
        float[] values = Quant.decode(bytes(block.toString(), DType.Q4_0, 32));
        for (int j = 0; j < 16; j++) {
            assertThat(values[j]).isEqualTo(j - 8);
            assertThat(values[16 + j]).isEqualTo(7 - j);
        }
        try (Scope scope = new Ledger().scope("test")) {
            // The extreme value -8 gives d = 1, so the block is reproduced exactly.
            assertThat(hex(Quant.encode(values, DType.Q4_0, scope, 32))).isEqualTo(block.toString());
            // A positive extreme makes d negative: 8 / -8 = -1; the opposite extreme is clipped to 15.
            float[] flipped = new float[32];
            flipped[0] = 8;
            flipped[1] = -8;
            assertThat(hex(Quant.encode(flipped, DType.Q4_0, scope, 32))).isEqualTo("00bc" + "808f" + "88".repeat(14));
        }
    }

    @ParameterizedTest
    @EnumSource(names = {"F32", "F16", "BF16", "Q8_0", "Q4_0"})
    void roundTripStaysWithinTheStepAndEncodingIsIdempotent(DType dtype) {
        Random random = new Random(7);
        for (float magnitude : new float[] {0, 0.05f, 1, 300}) {
            float[] values = new float[32 * 5];
            for (int i = 0; i < values.length; i++) values[i] = (random.nextFloat() * 2 - 1) * magnitude;
            try (Scope scope = new Ledger().scope("test")) {
                Tensor once = Quant.encode(values, dtype, scope, 5, 32);
                float[] decoded = Quant.decode(once);
                float step = switch (dtype) {
                    case F32 -> 0;
                    case F16 -> 0x1p-11f;
                    case BF16 -> 0x1p-8f;
                    case Q8_0 -> 1f / 127 * 0.51f + 0x1p-11f;
                    default -> 1f / 8 + 0x1p-10f; // Q4_0: half a step, a whole one at the clipped end
                };
                for (int i = 0; i < values.length; i++) {
                    assertThat(decoded[i]).isCloseTo(values[i], within(step * magnitude + 0x1p-24f));
                }
                float[] row = new float[40];
                Quant.decodeRow(once, 3, row, 4);
                for (int i = 0; i < 32; i++) assertThat(row[4 + i]).isEqualTo(decoded[96 + i]);
                assertThat(row[3]).isZero();
                assertThat(row[36]).isZero();
                if (dtype != DType.Q8_0) { // its f16 scale is not a fixed point of max / 127
                    assertThat(hex(Quant.encode(decoded, dtype, scope, 5, 32))).isEqualTo(hex(once));
                }
            }
        }
    }

    @Test
    void refusesWhatItCannotRepresent() {
        try (Scope scope = new Ledger().scope("test")) {
            float[] values = new float[32];
            assertThat(Quant.supports(DType.I64)).isFalse();
            assertThatThrownBy(() -> Quant.format(DType.I64)).isInstanceOfSatisfying(FaultException.class,
                    e -> assertThat(e.fault().code()).isEqualTo(EngineFault.UNSUPPORTED_DTYPE));
            assertThatThrownBy(() -> Quant.encode(values, DType.Q4_0, scope, 2, 16)).isInstanceOfSatisfying(
                    FaultException.class, e -> assertThat(e.fault().code()).isEqualTo(EngineFault.TENSOR_MISMATCH));
            assertThatThrownBy(() -> Quant.encode(values, DType.F32, scope, 31)).isInstanceOf(IllegalArgumentException.class);
            values[5] = Float.NaN;
            assertThatThrownBy(() -> Quant.encode(values, DType.Q8_0, scope, 32)).isInstanceOfSatisfying(
                    FaultException.class, e -> assertThat(e.fault().code()).isEqualTo(EngineFault.NON_FINITE));
            values[5] = 1e9f;
            assertThatThrownBy(() -> Quant.encode(values, DType.Q8_0, scope, 32)).isInstanceOfSatisfying(
                    FaultException.class, e -> assertThat(e.fault().code()).isEqualTo(EngineFault.OUT_OF_RANGE));
        }
    }

    /// Every bit pattern but those of infinite halves: where the halves are finite, so is every value; one that is not is seen.
    @Test
    void scalesTellWhetherABlockIsFinite() {
        Random random = new Random(11);
        int refused = 0;
        for (DType dtype : DType.values()) {
            if (!dtype.quantized() || dtype == DType.PACKED) continue;
            boolean known = dtype != DType.MXFP4 && dtype != DType.NVFP4 && dtype != DType.IQ4_XS;
            try (Scope scope = new Ledger().scope("test")) {
                for (int round = 0; round < 2000; round++) {
                    Tensor tensor = scope.tensor(dtype, 1, dtype.blockElements());
                    for (long i = 0; i < tensor.bytes(); i++) tensor.data().set(ValueLayout.JAVA_BYTE, i, (byte) random.nextInt());
                    boolean finite = true;
                    for (float value : Quant.decode(tensor)) finite &= Float.isFinite(value);
                    boolean sure = Quant.surelyFinite(tensor);
                    if (!known) assertThat(sure).isFalse();
                    if (sure) assertThat(finite).as("%s", dtype).isTrue();
                    if (known && finite && !sure) refused++;
                }
                if (known) assertThat(Quant.surelyFinite(scope.tensor(dtype, 4, dtype.blockElements()))).as("%s of zeros", dtype).isTrue();
            }
        }
        assertThat(refused).as("finite blocks that are decoded for nothing").isLessThan(200);
    }
}
