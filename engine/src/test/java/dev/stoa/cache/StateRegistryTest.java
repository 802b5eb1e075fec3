// SPDX-License-Identifier: Apache-2.0
package dev.stoa.cache;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.stoa.FaultException;
import dev.stoa.tensor.Ledger;
import dev.stoa.tensor.Tensor;
import java.util.List;
import org.junit.jupiter.api.Test;

class StateRegistryTest {
    @Test
    void everyKindAndModeIsInstalledOnce() {
        assertThat(StateRegistry.installed().keys()).containsExactly("blocks/bounded", "kv/bounded", "kv/rotating", "kv/sliding", "latent/bounded",
                "recurrent/bounded", "recurrent/rotating");
        StateProvider one = StateRegistry.installed().find("kv", "bounded");
        assertThatThrownBy(() -> StateRegistry.of(List.of(one, one))).isInstanceOf(FaultException.class).hasMessageContaining("kv/bounded");
        assertThatThrownBy(() -> StateRegistry.installed().find("kv", "folded")).isInstanceOf(FaultException.class).hasMessageContaining("kv/rotating");
    }

    @Test
    void onlyWhatCouldForgetIsARing() {
        KvShape windowed = new KvShape(1, 4, 10);
        assertThat(new CacheLayout("auto", 500, 16, 1000).modeOf(windowed)).isEqualTo("sliding");
        assertThat(new CacheLayout("auto", 64, 16, 1000).modeOf(windowed)).isEqualTo("bounded");
        assertThat(new CacheLayout("bounded", 500, 16, 1000).modeOf(windowed)).isEqualTo("bounded");
        assertThat(new CacheLayout("rotating", 500, 16, 100).modeOf(windowed)).isEqualTo("sliding");
        assertThat(new CacheLayout("rotating", 500, 16, 100).modeOf(new KvShape(1, 4, 0))).isEqualTo("rotating");
        assertThat(new CacheLayout("rotating", 100, 16, 100).modeOf(new KvShape(1, 4, 0))).isEqualTo("bounded");
    }

    /// Keys that are their own positions: the run a token sees is named token by token.
    @Test
    void aRotatingRunIsTheFirstFourAndTheNewest() {
        CacheLayout layout = new CacheLayout("rotating", 1000, 8, 20);
        try (CacheStack stack = new CacheStack(List.of(new KvShape(2, 1, 0)), layout, new Ledger())) {
            KvRing ring = (KvRing) stack.layer(0);
            for (int from = 0; from < 1000; from += 8) {
                for (int p = from; p < from + 8; p++) ring.put(p, Tensor.of(new float[] {p, -p}, 1, 2), Tensor.of(new float[] {p, p}, 1, 2), 0);
                for (int p = from; p < from + 8; p++) {
                    boolean gap = ring.gap(p);
                    assertThat(gap).isEqualTo(p >= 20);
                    int first = gap ? ring.expose(p) : 0;
                    int length = ring.slot(p) + 1;
                    assertThat(length - first).isEqualTo(Math.min(p + 1, 20));
                    for (int i = 0; i < length - first; i++) {
                        float expected = !gap || i < 4 ? i : p - 19 + i;
                        assertThat(ring.keys().getAtIndex(Tensor.FLOAT, first + i)).isEqualTo(expected);
                        assertThat(ring.keys().getAtIndex(Tensor.FLOAT, ring.capacity() + first + i)).isEqualTo(-expected);
                        assertThat(ring.values().getAtIndex(Tensor.FLOAT, ring.capacity() + first + i)).isEqualTo(expected);
                    }
                    if (gap) ring.conceal();
                }
                stack.advance(from + 8);
            }
        }
    }
}
