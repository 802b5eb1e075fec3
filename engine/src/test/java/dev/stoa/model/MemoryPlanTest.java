// SPDX-License-Identifier: Apache-2.0
package dev.stoa.model;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.stoa.EngineFault;
import dev.stoa.FaultException;
import dev.stoa.format.Json;
import dev.stoa.model.CacheCost.Encoding;
import dev.stoa.model.MemoryPlan.Wish;
import dev.stoa.model.family.Families;
import java.util.Random;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/// What a machine's memory is planned for: the table, the arithmetic, and what must never fall when memory rises.
class MemoryPlanTest {
    private static final long GIB = 1L << 30;

    private static ModelSpec small(int layers, int context) {
        return Families.translate(Json.parse("""
                {"model_type": "qwen3", "hidden_size": 1024, "intermediate_size": 3072, "num_hidden_layers": %d, "num_attention_heads": 16,
                 "num_key_value_heads": 8, "head_dim": 128, "vocab_size": 151936, "max_position_embeddings": %d}""".formatted(layers, context),
                "test", EngineFault.CONFIG_INVALID), Set.of("lm_head.weight"));
    }

    @ParameterizedTest
    @CsvSource({"0,GIB_2", "-1,GIB_2", "1,GIB_2", "2147483648,GIB_2", "2147483649,GIB_4", "8589934592,GIB_8", "8589934593,GIB_16", "19327352832,GIB_16",
        "19327352833,GIB_24", "27917287424,GIB_24", "27917287425,GIB_32", "42949672961,GIB_64", "85899345921,GIB_96", "120259084289,GIB_128"})
    void memoryHasAClassAndTheUnknownTheSmallest(long bytes, MemoryClass expected) {
        assertThat(MemoryClass.of(bytes)).isEqualTo(expected);
    }

    @Test
    void largerClassesNeverOfferLess() {
        MemoryClass[] all = MemoryClass.values();
        for (int i = 1; i < all.length; i++) {
            assertThat(all[i].context()).isGreaterThanOrEqualTo(all[i - 1].context());
            assertThat(all[i].slots()).isGreaterThanOrEqualTo(all[i - 1].slots());
            assertThat(all[i].prefillChunk()).isGreaterThanOrEqualTo(all[i - 1].prefillChunk());
            assertThat(all[i].kv()).isLessThanOrEqualTo(all[i - 1].kv());
        }
    }

    /// By hand: 0.6B in f16 takes 114,688 bytes a token.
    @Test
    void theBudgetIsWhatTheRestLeaves() {
        ModelSpec spec = small(28, 40_960);
        long weights = 400L << 20;
        MemoryPlan plan = MemoryPlan.of(spec, weights, new Wish(4 * GIB, 0, 4, false, Encoding.F16, 512, 64, 100L << 20));
        assertThat(plan.limit()).isEqualTo((long) (.85 * 4 * GIB));
        assertThat(plan.workspace()).isEqualTo(4L * (512 * (3 * 1024 + 3 * 3072) + 64 * (151_936 + 1024)));
        assertThat(plan.budget()).isEqualTo(plan.limit() - weights - (100L << 20) - plan.workspace());
        // no slab of the whole context (4.7 GB) fits: one slot, with what there is
        assertThat(plan.slots()).isEqualTo(1);
        assertThat(plan.context()).isEqualTo((int) (plan.budget() / 114_688 / 256 * 256)).isLessThan(40_960);
        MemoryPlan four = MemoryPlan.of(spec, weights, new Wish(4 * GIB, 4_096, 4, false, Encoding.F16, 512, 64, 0));
        assertThat(four.slots()).isEqualTo(4);
        assertThat(four.context()).isEqualTo(4_096);
        MemoryPlan pool = MemoryPlan.of(spec, weights, new Wish(4 * GIB, 0, 0, true, Encoding.F16, 512, 64, 0));
        assertThat(pool.slots()).isEqualTo((int) (pool.budget() / (114_688L * 4_096))).isBetween(5, 7);
        assertThat(pool.context()).isEqualTo((int) (pool.budget() / 114_688 / 256 * 256));
    }

    @Test
    void tooLittleIsRefusedWithTheShortfallAndTwoRemedies() {
        ModelSpec spec = small(28, 40_960);
        assertThatThrownBy(() -> MemoryPlan.of(spec, 2L << 30, new Wish(2 * GIB, 0, 0, true, Encoding.F16, 512, 64, 0)))
                .isInstanceOfSatisfying(FaultException.class, refused -> {
                    assertThat(refused.fault().code()).isEqualTo(EngineFault.MEMORY_LIMIT);
                    assertThat(refused.fault().got()).contains("2048 MiB available").contains("short");
                    assertThat(refused.fault().next()).contains("quantize the model to 4 bits").contains("; or ").contains("k-q8-v-q4");
                });
        // nothing is quantized twice: other remedies for a model that is small already
        assertThatThrownBy(() -> MemoryPlan.of(spec, 335L << 20, new Wish(480L << 20, 0, 0, true, Encoding.K_Q8_V_Q4, 512, 64, 0)))
                .isInstanceOfSatisfying(FaultException.class, refused -> assertThat(refused.fault().next()).contains("MiB more").contains("fewer than"));
        // a model of 128 tokens in all needs no more than these
        assertThat(MemoryPlan.of(small(2, 128), 1 << 20, new Wish(GIB, 0, 0, true, Encoding.F16, 64, 64, 0)).context()).isEqualTo(128);
    }

    @Test
    void moreMemoryNeverGivesLess() {
        Random random = new Random(11);
        ModelSpec[] specs = {small(28, 40_960), small(4, 2_048), small(56, 131_072), small(1, 300)};
        int planned = 0;
        for (int i = 0; i < 10_000; i++) {
            ModelSpec spec = specs[random.nextInt(specs.length)];
            long weights = (long) (random.nextDouble() * 2 * GIB);
            long available = (long) (random.nextDouble() * 16 * GIB) + 1;
            Encoding kv = Encoding.values()[random.nextInt(4)];
            int context = random.nextBoolean() ? 0 : 1 + random.nextInt(20_000);
            int slots = random.nextInt(20);
            boolean shared = random.nextBoolean();
            long adapters = random.nextInt(1 << 28);
            long more = available + (long) (random.nextDouble() * 2 * GIB);
            MemoryPlan one = plan(spec, weights, new Wish(available, context, slots, shared, kv, 256, 32, adapters));
            MemoryPlan two = plan(spec, weights, new Wish(more, context, slots, shared, kv, 256, 32, adapters));
            if (one == null) continue;
            planned++;
            assertThat(two).isNotNull();
            assertThat(two.slots()).isGreaterThanOrEqualTo(one.slots());
            if (two.slots() == one.slots()) assertThat(two.context()).isGreaterThanOrEqualTo(one.context());
            // the caches that were promised fit
            CacheCost cost = CacheCost.of(spec, kv);
            long promised = shared ? cost.bytes(one.context(), 256) : one.slots() * cost.bytes(one.context(), 256);
            assertThat(promised).isLessThanOrEqualTo(one.budget());
        }
        assertThat(planned).isGreaterThan(5_000);
    }

    private static MemoryPlan plan(ModelSpec spec, long weights, Wish wish) {
        try {
            return MemoryPlan.of(spec, weights, wish);
        } catch (FaultException refused) {
            return null;
        }
    }
}
