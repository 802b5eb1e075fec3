// SPDX-License-Identifier: Apache-2.0
package dev.stoa.cli;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

class MainTest {
    private static JsonNode json(String text) {
        assertThat(text.strip().lines()).hasSize(1);
        return JsonMapper.shared().readTree(text);
    }

    @Test
    void versionPrintsOneFactPerLine() {
        Shell.Result result = new Shell().run("version");
        assertThat(result.exit()).isZero();
        assertThat(result.out()).contains("stoa ").contains("java ").doesNotContain("${");
        assertThat(result.err()).isEmpty();
    }

    @Test
    void jsonIsOneDocumentWithTheEnvelope() {
        JsonNode document = json(new Shell().run("version", "--json").out());
        assertThat(document.get("schema").asString()).isEqualTo("stoa.cli/version/1");
        assertThat(document.get("ok").asBoolean()).isTrue();
        assertThat(document.get("data").get("java").asString()).startsWith("25");
        assertThat(document.get("warnings").isArray()).isTrue();
        assertThat(document.get("took_ms").isIntegralNumber()).isTrue();
    }

    @Test
    void doctorNamesEachCheckAndSaysWhatIsWrong() {
        Shell.Result result = new Shell().run("doctor");
        assertThat(result.exit()).isZero();
        assertThat(result.out()).contains("jdk", "kernels", "cores", "memory", "disk", "locale   ok");
        assertThat(new Shell().env("LC_ALL", "C").run("doctor").out()).contains("locale   warn").contains("export LC_ALL=C.UTF-8");
    }

    @Test
    void anUnknownVerbGetsItsNearestNameAndIsNotRun() {
        Shell.Result result = new Shell().run("docter");
        assertThat(result.exit()).isEqualTo(2);
        assertThat(result.out()).isEmpty();
        assertThat(result.err()).contains("error[usage]: unknown verb \"docter\"").contains("did you mean doctor?");
        assertThat(new Shell().run("zzzzzz").err()).doesNotContain("did you mean");
    }

    @Test
    void anUnknownFlagGetsItsNearestName() {
        Shell.Result result = new Shell().run("doctor", "--jsno");
        assertThat(result.exit()).isEqualTo(2);
        assertThat(result.err()).contains("unknown argument \"--jsno\"").contains("--json");
    }

    @Test
    void errorsAreJsonWhenAskedFor() {
        Shell.Result result = new Shell().run("docter", "--json");
        JsonNode document = json(result.out());
        assertThat(document.get("ok").asBoolean()).isFalse();
        assertThat(document.get("error").get("code").asString()).isEqualTo("usage");
        assertThat(document.get("error").get("exit_code").asInt()).isEqualTo(2);
        assertThat(result.err()).isEmpty();
    }

    @Test
    void helpOfTheProgramAndOfAVerb() {
        assertThat(new Shell().run().out()).contains("Usage: stoa").contains("version").contains("doctor");
        assertThat(new Shell().run("doctor", "--help").out()).contains("Usage: stoa doctor").contains("--json");
    }

    @Test
    void colorsFollowTheRules() {
        assertThat(new Shell().run("doctor").out()).doesNotContain("\033[");
        assertThat(new Shell().onTerminal().run("doctor").out()).contains("\033[32mok");
        assertThat(new Shell().onTerminal().env("NO_COLOR", "1").run("doctor").out()).doesNotContain("\033[");
        assertThat(new Shell().onTerminal().env("TERM", "dumb").run("doctor").out()).doesNotContain("\033[");
        assertThat(new Shell().env("CLICOLOR_FORCE", "1").run("doctor").out()).contains("\033[32mok");
        assertThat(new Shell().env("NO_COLOR", "1").run("doctor", "--color", "always").out()).contains("\033[32mok");
    }
}
