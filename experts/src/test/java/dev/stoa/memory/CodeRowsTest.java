// SPDX-License-Identifier: Apache-2.0
package dev.stoa.memory;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/// Products of codes are whole numbers: they must be exact, at every size and for the largest codes.
class CodeRowsTest {
    private static int dot(byte[] a, byte[] b) {
        int sum = 0;
        for (int i = 0; i < a.length; i++) sum += a[i] * b[i];
        return sum;
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 7, 15, 16, 31, 32, 33, 63, 64, 65, 127, 384, 768, 1000})
    void productsAreExact(int dim) {
        Random random = new Random(dim);
        CodeRows rows = new CodeRows(dim);
        int count = CodeRows.PAGE + 37;
        byte[][] codes = new byte[count][dim];
        for (int r = 0; r < count; r++) {
            for (int i = 0; i < dim; i++) codes[r][i] = (byte) (r == 0 ? 127 : r == 1 ? -127 : random.nextInt(255) - 127);
            rows.set(r, codes[r]);
        }
        for (int q : new int[] {0, 1, 2}) {
            short[] query = rows.widen(codes[q]);
            int[] first = new int[CodeRows.PAGE], rest = new int[CodeRows.PAGE];
            rows.dots(query, 0, CodeRows.PAGE, first);
            rows.dots(query, 1, 37, rest);
            for (int r = 0; r < count; r++) {
                assertThat(r < CodeRows.PAGE ? first[r] : rest[r - CodeRows.PAGE]).as("row %d", r).isEqualTo(dot(codes[q], codes[r]));
            }
            assertThat(rest[37]).as("rows beyond the count are left alone").isZero();
        }
    }

    @Test
    void rowsMoveAndVanish() {
        CodeRows rows = new CodeRows(3);
        rows.set(0, new byte[] {1, 2, 3});
        rows.set(1, new byte[] {4, 5, 6});
        rows.copy(1, 0);
        rows.clear(1);
        int[] out = new int[2];
        rows.dots(rows.widen(new byte[] {1, 1, 1}), 0, 2, out);
        assertThat(out).containsExactly(15, 0);
    }
}
