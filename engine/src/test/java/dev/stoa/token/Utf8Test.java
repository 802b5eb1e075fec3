// SPDX-License-Identifier: Apache-2.0
package dev.stoa.token;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.HexFormat;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class Utf8Test {
    /// Right-hand sides are Python's bytes.decode('utf-8', 'replace'), ? for U+FFFD.
    @ParameterizedTest
    @CsvSource({"41,A", "c3a9,é", "e282ac,€", "f09f9880,😀", "80,?", "c0af,??", "c3,?", "e282,?", "e28241,?A", "eda080,???",
            "f08080af,????", "f4908080,????", "f09f98,?", "f09f9841,?A", "f5,?", "f0e282ac,?€", "e0809f,???", "edbfbf41,???A"})
    void replacesMaximalParts(String hex, String text) {
        StringBuilder out = new StringBuilder();
        byte[] bytes = HexFormat.of().parseHex(hex);
        assertThat(Utf8.decode(bytes, bytes.length, true, out)).isEqualTo(bytes.length);
        assertThat(out.toString()).isEqualTo(text.replace('?', '\uFFFD'));
    }

    @Test
    void holdsBackOnlyWhatCanStillBecomeACharacter() {
        for (String held : new String[] {"c3", "e282", "f09f98", "f0"}) {
            StringBuilder out = new StringBuilder();
            byte[] bytes = HexFormat.of().parseHex("41" + held);
            assertThat(Utf8.decode(bytes, bytes.length, false, out)).as(held).isEqualTo(1);
            assertThat(out.toString()).isEqualTo("A");
        }
        for (String wrong : new String[] {"80", "c0", "eda0", "f5", "e041"}) {
            StringBuilder out = new StringBuilder();
            byte[] bytes = HexFormat.of().parseHex(wrong);
            assertThat(Utf8.decode(bytes, bytes.length, false, out)).as(wrong).isEqualTo(bytes.length);
        }
    }
}
