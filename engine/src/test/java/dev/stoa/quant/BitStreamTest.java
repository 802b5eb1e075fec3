// SPDX-License-Identifier: Apache-2.0
package dev.stoa.quant;

import static org.assertj.core.api.Assertions.assertThat;

import java.lang.foreign.MemorySegment;
import java.math.BigInteger;
import java.util.Random;
import org.junit.jupiter.api.Test;

class BitStreamTest {
    /// Every width, counts around bytes and words, starts off any byte: what is packed comes back, beside untouched bytes.
    @Test
    void packsAndUnpacksEveryWidthOnRaggedSizes() {
        Random random = new Random(9);
        for (int bits = 1; bits <= 8; bits++) {
            for (int count : new int[] {0, 1, 2, 3, 7, 8, 9, 31, 32, 33, 100}) {
                for (int first : new int[] {0, 1, 5, 8, 13}) {
                    byte[] bytes = new byte[(int) BitStream.bytes(first + (long) count * bits, 1) + 1];
                    int[] values = new int[count + 2];
                    for (int i = 0; i < count; i++) values[i + 1] = random.nextInt(1 << bits);
                    BitStream.pack(values, 1, count, bits, MemorySegment.ofArray(bytes), first);
                    int[] back = new int[count + 2];
                    BitStream.unpack(MemorySegment.ofArray(bytes), first, bits, back, 1, count);
                    assertThat(back).isEqualTo(values);
                    BigInteger expected = BigInteger.ZERO; // the definition: value i at bit first + i * bits
                    for (int i = 0; i < count; i++) expected = expected.or(BigInteger.valueOf(values[i + 1]).shiftLeft(first + i * bits));
                    BigInteger actual = BigInteger.ZERO;
                    for (int i = 0; i < bytes.length; i++) actual = actual.or(BigInteger.valueOf(bytes[i] & 255).shiftLeft(8 * i));
                    assertThat(actual).isEqualTo(expected);
                }
            }
        }
    }
}
