// SPDX-License-Identifier: Apache-2.0
package dev.stoa.demo;

import java.util.List;
import java.util.Locale;

/// `report.html`: one self-contained page, readable offline, light and dark.
final class ReportPage {
    private static final String STYLE = """
            :root { color-scheme: light dark; --ink: #1b1f24; --dim: #5b6570; --paper: #fff; --rule: #d8dee4;
              --ok: #1a7f37; --bad: #c1121f; --warn: #8a5a00;
              --c0: #0969da; --c1: #bc4c00; --c2: #1a7f37; --c3: #8250df; --c4: #bf3989; --c5: #57606a; --c6: #6e7700; --c7: #007c89; }
            @media (prefers-color-scheme: dark) { :root { --ink: #e6edf3; --dim: #9aa5b1; --paper: #0d1117; --rule: #30363d;
              --ok: #3fb950; --bad: #ff7b72; --warn: #d29922;
              --c0: #58a6ff; --c1: #f0883e; --c2: #3fb950; --c3: #bc8cff; --c4: #f778ba; --c5: #8b949e; --c6: #c5c600; --c7: #39c5cf; } }
            body { font: 15px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper); max-width: 1080px;
              margin: 0 auto; padding: 24px 16px 64px; }
            h1 { font-size: 24px; margin: 0 0 4px } h2 { font-size: 18px; margin: 32px 0 8px }
            p { margin: 4px 0 12px; color: var(--dim) }
            .scroll { overflow-x: auto }
            table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums }
            th, td { overflow-wrap: anywhere; min-width: 3em; text-align: left; padding: 4px 12px 4px 0; border-bottom: 1px solid var(--rule); vertical-align: top }
            th { font-weight: 600 } td.num { text-align: right; white-space: nowrap }
            .pass { color: var(--ok) } .fail { color: var(--bad); font-weight: 700 } .other { color: var(--warn) }
            svg { width: 100%; max-width: 640px; height: auto } .grid { stroke: var(--rule) }
            .tick { font-size: 11px; fill: var(--dim) } .line { fill: none; stroke-width: 2 } .key { font-weight: 600; margin-right: 8px }
            .line.s0 { stroke: var(--c0) } .line.s1 { stroke: var(--c1) } .line.s2 { stroke: var(--c2) } .line.s3 { stroke: var(--c3) }
            .line.s4 { stroke: var(--c4) } .line.s5 { stroke: var(--c5) } .line.s6 { stroke: var(--c6) } .line.s7 { stroke: var(--c7) }
            .key.s0 { color: var(--c0) } .key.s1 { color: var(--c1) } .key.s2 { color: var(--c2) } .key.s3 { color: var(--c3) }
            .key.s4 { color: var(--c4) } .key.s5 { color: var(--c5) } .key.s6 { color: var(--c6) } .key.s7 { color: var(--c7) }
            """;

    private ReportPage() {}

    static String render(Report report) {
        StringBuilder page = new StringBuilder("<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\">")
                .append("<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"><title>Stoa demo report</title><style>")
                .append(STYLE).append("</style></head><body><main><h1>Stoa demo, size ").append(escape(report.size())).append("</h1>");
        page.append(String.format(Locale.ROOT, "<p>%s. Seed %d, %.0f s, peak memory %.0f MiB. %s.</p>",
                report.ok() ? "Every required claim holds" : "Some required claims FAIL", report.seed(), report.seconds(),
                report.peakBytes() / 1048576.0, escape(String.join(", ", report.machine().values()))));
        claims(page, report.claims());
        phases(page, report.phases());
        for (Report.Table table : report.tables()) table(page, table);
        for (Plot plot : report.plots()) page.append("<h2>").append(escape(plot.title())).append("</h2>").append(plot.svg());
        page.append("<h2>Identities</h2><div class=\"scroll\"><table>");
        report.hashes().forEach((name, hash) -> page.append("<tr><th>").append(escape(name)).append("</th><td><code>")
                .append(escape(hash)).append("</code></td></tr>"));
        return page.append("</table></div></main></body></html>\n").toString();
    }

    private static void claims(StringBuilder page, List<Claim> claims) {
        page.append("<h2>Claims</h2><div class=\"scroll\"><table><tr><th>id</th><th>claim</th><th>verdict</th><th>value</th>"
                + "<th>95 % interval</th><th>n</th><th>baseline</th><th>detail</th></tr>");
        for (Claim claim : claims) {
            String kind = switch (claim.verdict()) {
                case PASS -> "pass";
                case FAIL -> "fail";
                case NOT_APPLICABLE, NOT_SHOWN, NOT_ESTABLISHED -> "other";
            };
            page.append("<tr><td>").append(claim.id()).append("</td><td>").append(escape(claim.title()))
                    .append("</td><td class=\"").append(kind).append("\">").append(claim.verdict().wire()).append("</td>");
            cell(page, claim.value() == null ? "" : number(claim.value()));
            cell(page, claim.interval().isEmpty() ? "" : "[" + number(claim.interval().get(0)) + ", " + number(claim.interval().get(1)) + "]");
            cell(page, claim.n() == 0 ? "" : Long.toString(claim.n()));
            cell(page, claim.baseline() == null ? "" : number(claim.baseline()));
            page.append("<td>").append(escape(claim.detail())).append("</td></tr>");
        }
        page.append("</table></div>");
    }

    private static void phases(StringBuilder page, List<PhaseRecord> phases) {
        page.append("<h2>Phases</h2><div class=\"scroll\"><table><tr><th>phase</th><th>seconds</th><th>budget</th><th>peak MiB</th><th></th></tr>");
        for (PhaseRecord phase : phases) {
            page.append("<tr><td>").append(escape(phase.title())).append("</td>");
            cell(page, String.format(Locale.ROOT, "%.1f", phase.seconds()));
            cell(page, Integer.toString(phase.budgetSeconds()));
            cell(page, phase.peakBytes() < 0 ? "" : Long.toString(phase.peakBytes() >> 20));
            page.append("<td>").append(phase.reused() ? "reused " : "").append(phase.slow() ? "slow" : "").append("</td></tr>");
        }
        page.append("</table></div>");
    }

    private static void table(StringBuilder page, Report.Table table) {
        page.append("<h2>").append(escape(table.title())).append("</h2><p>").append(escape(table.caption()))
                .append("</p><div class=\"scroll\"><table><tr>");
        for (String head : table.header()) page.append("<th>").append(escape(head)).append("</th>");
        page.append("</tr>");
        for (List<String> row : table.rows()) {
            page.append("<tr>");
            for (String value : row) {
                if (value.matches("[-+.\\d% ]+")) cell(page, value);
                else page.append("<td>").append(escape(value)).append("</td>");
            }
            page.append("</tr>");
        }
        page.append("</table></div>");
    }

    private static void cell(StringBuilder page, String value) {
        page.append("<td class=\"num\">").append(escape(value)).append("</td>");
    }

    private static String number(double value) {
        return String.format(Locale.ROOT, Math.abs(value) >= 100 ? "%.0f" : "%.3f", value);
    }

    static String escape(String text) {
        return text == null ? "" : text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace("\"", "&quot;");
    }
}
