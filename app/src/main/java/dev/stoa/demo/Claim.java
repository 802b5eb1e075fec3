// SPDX-License-Identifier: Apache-2.0
package dev.stoa.demo;

import java.util.List;

/// One row of the report: what was claimed, what was measured, and whether it held.
/// `interval` is the 95 % interval of `value` (empty when the value is exact), `baseline` what it is compared with.
public record Claim(
        String id, String title, Verdict verdict, Double value, List<Double> interval, long n, Double baseline, String detail) {
    /// Verdicts as they appear in `report.json`. Only FAIL makes the demo fail.
    public enum Verdict {
        PASS("pass"),
        FAIL("fail"),
        /// The size has no such domain or stage.
        NOT_APPLICABLE("n/a"),
        /// A finding, not a requirement: measured and not there.
        NOT_SHOWN("not_shown"),
        /// The planted effect itself could not be measured, so the claim cannot be judged.
        NOT_ESTABLISHED("not_established");

        private final String wire;

        Verdict(String wire) {
            this.wire = wire;
        }

        public String wire() {
            return wire;
        }
    }

    public Claim {
        interval = interval == null ? List.of() : List.copyOf(interval);
    }

    /// A claim with a required outcome.
    public static Claim required(
            String id, String title, boolean holds, double value, List<Double> interval, long n, Double baseline, String detail) {
        return new Claim(id, title, holds ? Verdict.PASS : Verdict.FAIL, value, interval, n, baseline, detail);
    }

    /// A claim this size or version does not check, with the reason.
    public static Claim notApplicable(String id, String title, String why) {
        return new Claim(id, title, Verdict.NOT_APPLICABLE, null, List.of(), 0, null, why);
    }
}
