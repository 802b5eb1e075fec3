// SPDX-License-Identifier: Apache-2.0
package dev.stoa.model;

import static org.assertj.core.api.Assertions.assertThat;

import dev.stoa.EngineFault;
import dev.stoa.cache.CacheStack;
import dev.stoa.format.Json;
import dev.stoa.format.ModelDirectory;
import dev.stoa.kernel.KernelProvider;
import dev.stoa.kernel.Kernels;
import dev.stoa.model.CacheCost.Encoding;
import dev.stoa.model.MemoryFit.Wish;
import dev.stoa.model.family.Families;
import dev.stoa.model.pack.ModelHeads;
import dev.stoa.tensor.Ledger;
import dev.stoa.tensor.Scope;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Random;
import java.util.Set;
import org.junit.jupiter.api.Test;

/// The arithmetic of memory: published configs by hand, real loads, and what must rise with what.
class MemoryFitTest {
    private static final long GIB = 1L << 30;
    private static final Set<String> FIVE = Set.of("q_proj", "v_proj", "o_proj", "gate_proj", "down_proj");

    private static ModelSpec spec(String config, boolean tied) {
        return Families.translate(Json.parse(config, "test", EngineFault.CONFIG_INVALID), tied ? Set.of() : Set.of("lm_head.weight"));
    }

    /// Qwen2.5-3B and 7B, from their published config.json.
    private static ModelSpec qwen3b() {
        return spec("""
                {"model_type": "qwen2", "hidden_size": 2048, "intermediate_size": 11008, "num_hidden_layers": 36, "num_attention_heads": 16,
                 "num_key_value_heads": 2, "vocab_size": 151936, "max_position_embeddings": 32768, "rope_theta": 1000000.0, "rms_norm_eps": 1e-06,
                 "sliding_window": 32768, "use_sliding_window": false, "max_window_layers": 36, "tie_word_embeddings": true, "hidden_act": "silu"}""", true);
    }

    private static ModelSpec qwen7b() {
        return spec("""
                {"model_type": "qwen2", "hidden_size": 3584, "intermediate_size": 18944, "num_hidden_layers": 28, "num_attention_heads": 28,
                 "num_key_value_heads": 4, "vocab_size": 152064, "max_position_embeddings": 32768, "rope_theta": 1000000.0, "rms_norm_eps": 1e-06,
                 "sliding_window": 131072, "use_sliding_window": false, "max_window_layers": 28, "tie_word_embeddings": false, "hidden_act": "silu"}""", false);
    }

    private static ModelSpec hybrid35b() {
        return spec("""
                {"model_type": "qwen3_5_moe_text", "hidden_size": 2048, "num_hidden_layers": 40, "num_attention_heads": 16, "num_key_value_heads": 2,
                 "head_dim": 256, "vocab_size": 248320, "max_position_embeddings": 262144, "full_attention_interval": 4, "num_experts": 256,
                 "num_experts_per_tok": 8, "moe_intermediate_size": 512, "shared_expert_intermediate_size": 512, "linear_num_key_heads": 16,
                 "linear_num_value_heads": 32, "linear_key_head_dim": 128, "linear_value_head_dim": 128, "linear_conv_kernel_dim": 4,
                 "rope_theta": 10000000.0, "partial_rotary_factor": 0.25, "rms_norm_eps": 1e-06, "hidden_act": "silu"}""", false);
    }

    private static Wish wish(long limit, long context, int batch, int rank, Encoding kv) {
        return new Wish(limit, context, batch, rank, Set.of(), kv, 512);
    }

    @Test
    void publishedModelsHaveTheirPublishedSizes() {
        assertThat(MemoryFit.parameters(qwen3b())).isEqualTo(3_085_938_688L);
        assertThat(MemoryFit.parameters(qwen7b())).isEqualTo(7_615_616_512L);
        assertThat(MemoryFit.parameters(hybrid35b())).isBetween(34_000_000_000L, 36_500_000_000L);
        assertThat(MemoryFit.estimated(qwen7b(), 16, 0)).isEqualTo(2 * 7_615_616_512L);
        assertThat(MemoryFit.estimated(qwen7b(), 4, 64)).isEqualTo((long) Math.ceil(7_615_616_512L * 4.5 / 8));
        assertThat(MemoryFit.loraParameters(qwen7b(), 8, FIVE)).isEqualTo(63_488L * 8 * 28).isEqualTo(14_221_312L);
        // the reference's rule, four times hidden, layers and rank, leaves the feed-forward out
        assertThat(MemoryFit.loraParameters(qwen7b(), 8, Set.of())).isGreaterThan(2 * 4L * 3584 * 28 * 2 * 8);
    }

    @Test
    void theCacheCountsKeyHeadsNotTheWidth() {
        assertThat(CacheCost.of(qwen3b(), Encoding.F16).tokenBytes()).isEqualTo(36.0 * 2 * 2 * 128 * 2);
        assertThat(CacheCost.of(qwen7b(), Encoding.F16).tokenBytes()).isEqualTo(28.0 * 2 * 4 * 128 * 2);
        ModelSpec small = spec("""
                {"model_type": "qwen3", "hidden_size": 1024, "intermediate_size": 3072, "num_hidden_layers": 28, "num_attention_heads": 16,
                 "num_key_value_heads": 8, "head_dim": 128, "vocab_size": 151936, "max_position_embeddings": 40960}""", true);
        assertThat(CacheCost.of(small, Encoding.F16).tokenBytes()).isEqualTo(114_688);
        CacheCost hybrid = CacheCost.of(hybrid35b(), Encoding.F16);
        assertThat(hybrid.tokenBytes()).isEqualTo(20_480);
        assertThat(hybrid.constantBytes()).isEqualTo(30L * (32 * 128 * 128 * 4 + 3 * 8192 * 4));
    }

    @Test
    void encodingsHaveTheSizeOfTheirBits() {
        // 92,000 tokens that take 10 GB in f32 take 5 GB in f16 and 2.5 GB and the scales in q8.
        CacheCost f32 = CacheCost.of(qwen7b(), Encoding.F32);
        double tokens = 10e9 / f32.tokenBytes();
        assertThat(CacheCost.of(qwen7b(), Encoding.F16).tokenBytes() * tokens).isEqualTo(5e9);
        assertThat(CacheCost.of(qwen7b(), Encoding.Q8).tokenBytes() * tokens).isEqualTo(2.5e9 * 1.0625);
        assertThat(CacheCost.of(qwen7b(), Encoding.K_Q8_V_Q4).tokenBytes() * tokens).isEqualTo(2.5e9 * 0.8125);
    }

    @Test
    void windowsStopGrowing() {
        ModelSpec gemma = spec("""
                {"model_type": "gemma3_text", "hidden_size": 1152, "intermediate_size": 6912, "num_hidden_layers": 26, "num_attention_heads": 4,
                 "num_key_value_heads": 1, "head_dim": 256, "vocab_size": 262144, "max_position_embeddings": 32768, "sliding_window": 512, "hidden_activation": "gelu_pytorch_tanh"}""", true);
        CacheCost cost = CacheCost.of(gemma, Encoding.F16);
        assertThat(cost.bytes(100, 512)).isEqualTo(26L * 1024 * 100);
        assertThat(cost.bytes(32768, 512)).isEqualTo(4L * 1024 * 32768 + 22L * 1024 * 1024);
        long most = cost.tokens(64L << 20, 512, 1 << 20);
        assertThat(cost.bytes(most, 512)).isLessThanOrEqualTo(64L << 20);
        assertThat(cost.bytes(most + 1, 512)).isGreaterThan(64L << 20);
        assertThat(cost.tokens(10, 512, 1 << 20)).isZero();
    }

    @Test
    void moreNeverCostsLess() {
        Random random = new Random(5);
        ModelSpec qwen3b = qwen3b();
        ModelSpec qwen7b = qwen7b();
        ModelSpec hybrid35b = hybrid35b(); // rarely: thirty thousand matrices
        int fitted = 0;
        for (int i = 0; i < 2000; i++) {
            ModelSpec spec = i % 100 == 0 ? hybrid35b : random.nextBoolean() ? qwen3b : qwen7b;
            long limit = GIB * (1 + random.nextInt(96));
            long context = 1 + random.nextInt(32768);
            int batch = 1 + random.nextInt(8);
            int rank = 1 + random.nextInt(64);
            Encoding kv = Encoding.values()[random.nextInt(4)];
            long weights = MemoryFit.estimated(spec, random.nextBoolean() ? 16 : 4, 0);
            MemoryFit one = MemoryFit.of(spec, weights, true, wish(limit, context, batch, rank, kv));
            MemoryFit longer = MemoryFit.of(spec, weights, true, wish(limit, context + random.nextInt(4096), batch, rank, kv));
            MemoryFit wider = MemoryFit.of(spec, weights, true, wish(limit, context, batch + 1, rank, kv));
            MemoryFit deeper = MemoryFit.of(spec, weights, true, wish(limit, context, batch, rank + 1, kv));
            MemoryFit roomier = MemoryFit.of(spec, weights, true, wish(limit + GIB, context, batch, rank, kv));
            assertThat(longer.total()).isGreaterThanOrEqualTo(one.total());
            assertThat(longer.lora()).isGreaterThanOrEqualTo(one.lora());
            assertThat(wider.total()).isGreaterThan(one.total());
            assertThat(wider.lora()).isGreaterThan(one.lora());
            assertThat(wider.largestContext()).isLessThanOrEqualTo(one.largestContext());
            assertThat(deeper.lora()).isGreaterThan(one.lora());
            assertThat(roomier.largestContext()).isGreaterThanOrEqualTo(one.largestContext());
            assertThat(one.fits()).isEqualTo(one.total() <= limit);
            if (one.fits()) {
                fitted++;
                assertThat(roomier.fits()).isTrue();
                // what fits at a context has at least that context, but for the rounding
                assertThat(one.largestContext()).isGreaterThan(Math.min(context, spec.maxContext()) - 256);
            }
        }
        assertThat(fitted).isBetween(300, 1900);
    }

    @Test
    void fullTrainingIsForPlainFloats() {
        Wish wish = wish(128 * GIB, 2048, 1, 16, Encoding.F16);
        assertThat(MemoryFit.of(qwen3b(), 6_171_877_376L, true, wish).full()).isGreaterThan(6 * 6_171_877_376L);
        assertThat(MemoryFit.of(qwen3b(), 2_000_000_000L, false, wish).full()).isZero();
        assertThat(MemoryFit.of(qwen3b(), 6_171_877_376L, true, wish).overhead()).isEqualTo(GIB);
    }

    /// The estimate of weights and cache beside what a loaded model's files and cache take.
    @Test
    void theEstimateIsWhatALoadTakes() throws IOException {
        for (String name : new String[] {"llama", "qwen3_5", "gemma3", "qwen3_moe"}) {
            Path place = Path.of("src/test/resources/golden/families", name);
            ModelHeads heads = ModelHeads.read(place);
            Ledger ledger = new Ledger();
            try (Kernels kernels = KernelProvider.open("scalar", 1); Scope scope = ledger.scope("weights")) {
                Model model = Model.load(ModelDirectory.openWithoutTokenizer(place, scope), kernels, scope);
                Decoder decoder = new Decoder(model);
                long weights = TensorPlan.of(model.spec()).stream().mapToLong(binding -> model.weight(binding.name()).bytes()).sum();
                assertThat((double) heads.bytes()).isBetween(weights * 0.999, weights * 1.05);
                long before = ledger.activeBytes();
                try (CacheStack _ = new CacheStack(decoder.cacheShapes(), 64, ledger)) {
                    long real = ledger.activeBytes() - before;
                    // Sliding layers keep the whole sequence in this cache,
                    // and recurrent states are kept twice, so that a step that fails leaves them as they were.
                    CacheCost cost = CacheCost.of(model.spec(), Encoding.F32);
                    double estimate = cost.bytes(64, 64) + cost.constantBytes();
                    assertThat(estimate).as(name).isBetween(real * 0.95, real * 1.05);
                }
            }
        }
    }
}
