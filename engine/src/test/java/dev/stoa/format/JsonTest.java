// SPDX-License-Identifier: Apache-2.0
package dev.stoa.format;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.stoa.EngineFault;
import dev.stoa.FaultException;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import tools.jackson.databind.JsonNode;

class JsonTest {
    private static JsonNode parse(String text) {
        return Json.parse(text, "here", EngineFault.CONFIG_INVALID);
    }

    @ParameterizedTest
    @ValueSource(strings = {"", " ", "{", "{\"a\":1,\"a\":2}", "NaN", "[Infinity]", "[1e999]", "[-1e999]", "[1,]",
            "{} {}", "{'a':1}", "[1] // note", "{\"a\":01}", "\"\u0001\""})
    void refusesWhatIsNotStrictJson(String text) {
        assertThatThrownBy(() -> parse(text)).isInstanceOf(FaultException.class)
                .hasMessageContaining("config_invalid").hasMessageContaining("here");
    }

    @Test
    void errorsCarryLineAndColumnAndNoSource() {
        assertThatThrownBy(() -> parse("{\n  \"a\": tru\n}")).hasMessageContaining("here:2:").hasMessageNotContaining("Source");
    }

    @Test
    void depthIsBounded() {
        assertThat(parse("[".repeat(90) + "]".repeat(90))).isNotNull();
        assertThatThrownBy(() -> parse("[".repeat(100_000))).isInstanceOf(FaultException.class);
    }

    @ParameterizedTest
    @CsvSource({"1.0,1", "-0.0,0", "0.1,0.1", "1e21,1e+21", "1e20,100000000000000000000", "1.5e-7,1.5e-7", "0.000001,0.000001",
            "123456789.125,123456789.125", "-2.5e300,-2.5e+300", "5e-324,5e-324",
            "1000000000000000019884624838656,1000000000000000019884624838656", "9007199254740993,9007199254740993"})
    void canonicalNumbersAreShortest(String text, String canonical) {
        assertThat(Json.canonical(parse("[" + text + "]"))).isEqualTo("[" + canonical + "]");
    }

    @Test
    void canonicalSortsByCodeUnitAndDropsSpace() {
        String text = "{ \"b\" : [ ], \"a\\n\" : {\"\uD83D\uDE00\":null,\"\uFFFD\":true} , \"B\": \"é\\u0001\\/\" }";
        assertThat(Json.canonical(parse(text)))
                .isEqualTo("{\"B\":\"é\\u0001/\",\"a\\n\":{\"\uD83D\uDE00\":null,\"\uFFFD\":true},\"b\":[]}");
    }

    @Test
    void prettyKeepsOrderAndKindsOfNumbers() {
        assertThat(Json.pretty(parse("{\"b\":1.0,\"a\":[1,{}],\"c\":[]}")))
                .isEqualTo("{\n  \"b\": 1.0,\n  \"a\": [\n    1,\n    {}\n  ],\n  \"c\": []\n}\n");
    }
}
