// SPDX-License-Identifier: Apache-2.0
package dev.stoa.model.family;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import dev.stoa.EngineFault;
import dev.stoa.FaultException;
import dev.stoa.nn.mixer.MixerSpec;
import dev.stoa.model.ModelConfig.RopeParameters;
import dev.stoa.model.ModelSpec;
import dev.stoa.nn.RopeSpec;
import dev.stoa.model.TinyModels;
import java.util.Set;
import org.junit.jupiter.api.Test;

/// What each family makes of a config, and the frequencies of each kind of rope scaling.
class FamiliesTest {
    private static MixerSpec.Attention attention(ModelSpec spec, int layer) {
        return (MixerSpec.Attention) spec.layers().get(layer).mixer();
    }

    private static ModelSpec translate(String config) {
        return Families.translate(TinyModels.json(config), Set.of("model.lm_head.weight"));
    }

    @Test
    void defaultsBelongToTheFamily() {
        String noHeadDim = TinyModels.QWEN3.replace("\"head_dim\":8,", "");
        assertThat(attention(translate(noHeadDim), 0).headDim()).isEqualTo(128);
        assertThat(attention(translate(TinyModels.LLAMA), 0).headDim()).isEqualTo(8);
        assertThat(attention(translate(TinyModels.LLAMA.replace("\"num_key_value_heads\":2,", "")), 0).kvHeads()).isEqualTo(4);
        assertThat(attention(translate(TinyModels.QWEN3), 0).queryKeyNorm()).isNotNull();
        assertThat(attention(translate(TinyModels.LLAMA), 0).queryKeyNorm()).isNull();
        assertThat(attention(translate(TinyModels.LLAMA), 0).outputBias()).isTrue();
    }

    @Test
    void theHeadIsTiedExactlyWhenThereIsNone() {
        assertThat(Families.translate(TinyModels.json(TinyModels.QWEN3), Set.of("model.embed_tokens.weight")).tiedHead()).isTrue();
        assertThat(translate(TinyModels.QWEN3).tiedHead()).isFalse();
    }

    @Test
    void windowsStartWhereTheConfigSays() {
        String windowed = TinyModels.QWEN3.replace("\"vocab_size\"", "\"use_sliding_window\":true,\"sliding_window\":4,\"max_window_layers\":1,\"vocab_size\"");
        assertThat(attention(translate(windowed), 0).window()).isZero();
        assertThat(attention(translate(windowed), 1).window()).isEqualTo(4);
        String listed = windowed.replace("\"vocab_size\"", "\"layer_types\":[\"sliding_attention\",\"full_attention\"],\"vocab_size\"");
        assertThat(attention(translate(listed), 0).window()).isEqualTo(4);
        assertThat(attention(translate(listed), 1).window()).isZero();
        assertThatThrownBy(() -> translate(listed.replace("\"use_sliding_window\":true", "\"use_sliding_window\":false"))).isInstanceOf(FaultException.class);
        assertThatThrownBy(() -> translate(TinyModels.LLAMA.replace("\"vocab_size\"",
                "\"layer_types\":[\"sliding_attention\",\"full_attention\"],\"vocab_size\""))).isInstanceOf(FaultException.class);
    }

    @Test
    void refusesWhatItCannotRun() {
        assertThatThrownBy(() -> translate("{\"model_type\":\"mamba\"}")).isInstanceOfSatisfying(FaultException.class, e -> {
            assertThat(e.fault().code()).isEqualTo(EngineFault.CONFIG_UNKNOWN_TYPE);
            assertThat(e.fault().expected()).contains("llama", "qwen3");
        });
        assertThatThrownBy(() -> translate("{}")).isInstanceOf(FaultException.class);
        String bad = TinyModels.LLAMA.replace("\"num_key_value_heads\":2", "\"num_key_value_heads\":3").replace("\"vocab_size\"", "\"hidden_act\":\"gelu\",\"vocab_size\"");
        assertThatThrownBy(() -> translate(bad)).isInstanceOfSatisfying(FaultException.class, e -> assertThat(e.fault().issues()).hasSize(2));
    }

    private static RopeParameters rope(String type, double factor, double original) {
        return new RopeParameters(type, 10_000, factor, 1, 4, original, Double.NaN, 32, 1, Double.NaN, Double.NaN, true, 1);
    }

    @Test
    void linearDividesAndTheDefaultDoesNot() {
        double[] plain = RopeScaling.of(rope("default", 1, Double.NaN), 8, 64).inverseFrequencies();
        assertThat(plain).containsExactly(new double[] {1, 0.1, 0.01, 0.001}, within(1e-15));
        assertThat(RopeScaling.of(rope("linear", 4, Double.NaN), 8, 64).inverseFrequencies())
                .containsExactly(new double[] {0.25, 0.025, 0.0025, 0.00025}, within(1e-15));
    }

    @Test
    void llama3KeepsShortWavelengthsAndDividesLongOnes() {
        double[] scaled = RopeScaling.of(rope("llama3", 8, 256), 8, 4096).inverseFrequencies();
        assertThat(scaled[0]).isEqualTo(1);
        // Wavelength 62.8 lies below 256 / 4 = 64: kept. 628 and 6283 lie above 256: divided.
        assertThat(scaled[1]).isCloseTo(0.1, within(1e-15));
        assertThat(scaled[2]).isCloseTo(0.01 / 8, within(1e-15));
        assertThat(scaled[3]).isCloseTo(0.001 / 8, within(1e-15));
        double[] between = RopeScaling.of(rope("llama3", 8, 128), 8, 4096).inverseFrequencies();
        double smooth = (128 / (2 * Math.PI * 10) - 1) / 3;
        assertThat(between[1]).isCloseTo((1 - smooth) * 0.1 / 8 + smooth * 0.1, within(1e-12));
    }

    @Test
    void yarnScalesAnglesAndMagnitude() {
        RopeSpec spec = RopeScaling.of(rope("yarn", 4, 64), 8, 4096);
        assertThat(spec.magnitude()).isCloseTo(0.1 * Math.log(4) + 1, within(1e-12));
        assertThat(spec.inverseFrequencies()[0]).isEqualTo(1);
        assertThat(spec.inverseFrequencies()[3]).isCloseTo(0.001 / 4, within(1e-12));
        RopeParameters stated = new RopeParameters("yarn", 10_000, 4, 1, 4, 64, 1.5, 32, 1, Double.NaN, Double.NaN, true, 1);
        assertThat(RopeScaling.of(stated, 8, 64).magnitude()).isEqualTo(1.5);
        assertThatThrownBy(() -> RopeScaling.of(rope("dynamic", 2, 64), 8, 64)).hasMessageContaining("dynamic");
    }
}
