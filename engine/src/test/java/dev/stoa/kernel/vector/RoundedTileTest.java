// SPDX-License-Identifier: Apache-2.0
package dev.stoa.kernel.vector;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.io.InputStream;
import java.lang.classfile.ClassFile;
import java.lang.classfile.MethodModel;
import java.lang.classfile.attribute.CodeAttribute;
import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;

class RoundedTileTest {
    /// C2 inlines hot methods of up to 325 bytes (FreqInlineSize); two kernels in one compilation are ten times slower.
    @Test
    void kernelsAreTooLargeToBeInlinedBesideEachOther() throws IOException {
        Map<String, Integer> sizes = new TreeMap<>();
        try (InputStream bytes = RoundedTile.class.getResourceAsStream("RoundedTile.class")) {
            for (MethodModel method : ClassFile.of().parse(bytes.readAllBytes()).methods()) {
                String name = method.methodName().stringValue();
                if (name.endsWith("1") || name.endsWith("4")) {
                    sizes.put(name, ((CodeAttribute) method.code().orElseThrow()).codeLength());
                }
            }
        }
        assertThat(sizes.keySet()).isEqualTo(new TreeMap<>(Map.of("nibbles1", 0, "nibbles4", 0, "bytes1", 0, "bytes4", 0, "six1", 0, "six4", 0)).keySet());
        assertThat(List.copyOf(sizes.values())).allMatch(size -> size > 325);
    }

    @Test
    void arraysThatAreTooShortAreRefused() {
        MemorySegment weights = MemorySegment.ofArray(new byte[512]);
        assertThatThrownBy(() -> RoundedTile.nibbles1(weights, 0, 2, new int[31], 0, new int[2], 0, new short[128]))
                .isInstanceOf(IllegalArgumentException.class).hasMessageContaining("pairs 31");
        assertThatThrownBy(() -> RoundedTile.nibbles4(weights, 0, 2, new int[128], 0, new int[8], 0, new short[8]))
                .isInstanceOf(IllegalArgumentException.class).hasMessageContaining("dots 8");
    }
}
