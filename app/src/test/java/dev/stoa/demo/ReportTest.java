// SPDX-License-Identifier: Apache-2.0
package dev.stoa.demo;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/// The report tells every verdict as it is, in JSON and on a page that runs nothing.
class ReportTest {
    @TempDir
    Path out;

    private static Report report(Claim... claims) {
        Plot plot = new Plot("curve <b>", "steps", "share", List.of(new Plot.Series("a&b", List.of(0.0, 10.0), List.of(0.1, 0.9))));
        return new Report("ci", 42, Map.of("cpu", "some cpu"), Map.of("world", "abc"), 12.5, 1 << 20,
                List.of(new PhaseRecord("1-world", "world", 3, 1, true, 1 << 20, false)), List.of(claims),
                List.of(new Report.Table("t", "caption", List.of("x"), List.of(List.of("<script>alert(1)</script>")))), List.of(plot));
    }

    @Test
    void oneFailedClaimFailsTheWholeAndFindingsDoNot() {
        Claim pass = Claim.required("D1", "a", true, 1, null, 10, 0.5, "");
        Claim open = Claim.notApplicable("D3", "b", "not built");
        Claim finding = new Claim("D10", "c", Claim.Verdict.NOT_SHOWN, 0.1, List.of(), 5, null, "");
        assertThat(report(pass, open, finding).ok()).isTrue();
        assertThat(report(pass, Claim.required("D2", "a", false, 0, null, 10, null, "")).ok()).isFalse();
    }

    @Test
    void jsonHoldsEveryFieldOfAClaim() throws Exception {
        report(Claim.required("D1", "experts", false, 0.25, List.of(0.2, 0.3), 128, 0.18, "why")).write(out);
        JsonNode root = JsonMapper.builder().build().readTree(Files.readAllBytes(out.resolve("report.json")));
        JsonNode claim = root.get("claims").get(0);
        assertThat(root.get("ok").booleanValue()).isFalse();
        assertThat(claim.get("id").asString()).isEqualTo("D1");
        assertThat(claim.get("verdict").asString()).isEqualTo("fail");
        assertThat(claim.get("value").doubleValue()).isEqualTo(0.25);
        assertThat(claim.get("ci").get(1).doubleValue()).isEqualTo(0.3);
        assertThat(claim.get("n").intValue()).isEqualTo(128);
        assertThat(claim.get("baseline").doubleValue()).isEqualTo(0.18);
        assertThat(root.get("phases").get(0).get("slow").booleanValue()).isTrue();
    }

    @Test
    void thePageShowsTextAsText() throws Exception {
        report(Claim.notApplicable("D3", "b", "not built")).write(out);
        String page = Files.readString(out.resolve("report.html"));
        assertThat(page).doesNotContain("<script").contains("&lt;script&gt;").contains("curve &lt;b&gt;").contains("a&amp;b")
                .contains("<svg").contains("n/a").doesNotContain("http");
    }

    @Test
    void plotsPlaceTheirExtremesInsideTheFrame() {
        String svg = new Plot("t", "x", "y", List.of(new Plot.Series("s", List.of(5.0, 15.0), List.of(0.0, 2.0)))).svg();
        assertThat(svg).contains("points=\"56.0,240.0 624.0,12.0 \"");
    }
}
