// SPDX-License-Identifier: Apache-2.0
package dev.stoa.model;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.stoa.EngineFault;
import dev.stoa.FaultException;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/// The dialects of config.json meet in one record; what is not understood is an error, never ignored.
class ConfigReaderTest {
    private static final String SIZES = """
            "model_type":"llama","vocab_size":64,"hidden_size":32,"intermediate_size":48,"num_hidden_layers":2,
            "num_attention_heads":4,"num_key_value_heads":2,"max_position_embeddings":128""";

    private static ModelConfig read(String more) {
        return ConfigReader.read(TinyModels.json("{" + SIZES + (more.isEmpty() ? "" : "," + more) + "}"));
    }

    private static FaultException refusal(String more) {
        try {
            read(more);
        } catch (FaultException fault) {
            return fault;
        }
        throw new AssertionError("accepted: " + more);
    }

    @Test
    void bothDialectsGiveTheSameRecord() {
        ModelConfig four = read("""
                "torch_dtype":"bfloat16","rope_theta":500000.0,"rope_scaling":{"type":"llama3","rope_type":"llama3","factor":8.0,
                "low_freq_factor":1.0,"high_freq_factor":4.0,"original_max_position_embeddings":8192}""");
        ModelConfig five = read("""
                "dtype":"bfloat16","rope_parameters":{"rope_type":"llama3","rope_theta":500000.0,"factor":8.0,
                "low_freq_factor":1.0,"high_freq_factor":4.0,"original_max_position_embeddings":8192}""");
        assertThat(four).isEqualTo(five);
        assertThat(five.rope().theta()).isEqualTo(500000);
        assertThat(five.rope().originalMaxPositions()).isEqualTo(8192);
        assertThat(read("\"rope_theta\":1e6").rope()).isEqualTo(read("\"rope_parameters\":{\"rope_type\":\"default\",\"rope_theta\":1e6}").rope());
        assertThat(read("\"rope_scaling\":null").rope().type()).isEqualTo("default");
    }

    @Test
    void dialectsThatAgreeMayStandTogetherAndContradictionsAreRefused() {
        String both = "\"rope_theta\":1e6,\"rope_parameters\":{\"rope_type\":\"default\",\"rope_theta\":%s}";
        assertThat(read(both.formatted("1e6")).rope().theta()).isEqualTo(1e6);
        assertThat(refusal(both.formatted("5e5"))).hasMessageContaining("contradicts");
        assertThat(refusal("\"rope_scaling\":{\"type\":\"linear\",\"factor\":2},\"rope_parameters\":{\"rope_type\":\"default\",\"rope_theta\":10000}"))
                .hasMessageContaining("contradicts");
        assertThat(refusal("\"rope_scaling\":{\"type\":\"linear\",\"rope_type\":\"yarn\",\"factor\":2}")).hasMessageContaining("contradicts");
    }

    @Test
    void everyKeyThatIsNotUnderstoodIsListedAtOnce() {
        FaultException fault = refusal("\"logit_scale\":0.5,\"attn_logit_softcapping\":50,\"use_cache\":true,\"_name_or_path\":\"x\",\"quantization_config\":{\"bits\":4},\"unused\":null");
        assertThat(fault.fault().code()).isEqualTo(EngineFault.CONFIG_UNKNOWN_KEY);
        assertThat(fault.fault().issues()).containsExactly("attn_logit_softcapping = 50", "logit_scale = 0.5", "quantization_config = {\"bits\":4}");
    }

    @Test
    void effectsThatAreSwitchedOffMayBeNamed() {
        read("\"is_decoder\":false,\"add_cross_attention\":false,\"pruned_heads\":{}");
        assertThat(refusal("\"add_cross_attention\":true").fault().issues()).hasSize(1);
    }

    @Test
    void wrongValuesAreListedTogether() {
        FaultException fault = refusal("\"vocab_size\":-1,\"rms_norm_eps\":\"small\",\"hidden_act\":7,\"attention_bias\":1,\"head_dim\":1e9");
        assertThat(fault.fault().code()).isEqualTo(EngineFault.CONFIG_INVALID);
        assertThat(fault.fault().issues()).hasSize(5);
        assertThatThrownBy(() -> ConfigReader.read(TinyModels.json("{\"model_type\":\"llama\"}"))).hasMessageContaining("vocab_size is missing");
        assertThatThrownBy(() -> ConfigReader.read(TinyModels.json("[]"))).hasMessageContaining("not a JSON object");
    }

    @ParameterizedTest
    @ValueSource(strings = {"\"rope_parameters\":{\"rope_type\":\"default\",\"new_knob\":3}", "\"rope_scaling\":\"linear\"",
            "\"rope_parameters\":{\"full_attention\":{\"rope_type\":\"default\"}}", "\"rope_parameters\":{\"rope_type\":\"default\",\"partial_rotary_factor\":0.5}",
            "\"eos_token_id\":\"</s>\"", "\"layer_types\":[\"full_attention\"]", "\"rope_theta\":0"})
    void refuses(String more) {
        assertThat(refusal(more).fault().issues()).isNotEmpty();
    }

    @ParameterizedTest
    @CsvSource({"7, 7", "'[9, 3]', '3,9'", "null, ''"})
    void endTokensAreOneIdOrAList(String json, String ids) {
        assertThat(read("\"eos_token_id\":" + json).eosIds().toString().replaceAll("[\\[\\] ]", "")).isEqualTo(ids);
    }
}
