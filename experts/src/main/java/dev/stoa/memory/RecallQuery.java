// SPDX-License-Identifier: Apache-2.0
package dev.stoa.memory;

import dev.stoa.ExpertsFault;
import dev.stoa.Fault;
import java.time.Instant;

/// What to look for. `asOf` null means now; `gated` false returns the best items however unlikely they are relevant.
public record RecallQuery(String text, int k, Instant asOf, boolean gated) {
    public RecallQuery {
        Fault.require(text != null, ExpertsFault.INVALID_RECORD, "a recall query needs a text");
        Fault.require(k >= 1 && k <= 64, ExpertsFault.INVALID_RECORD, "k is %d, expected 1 to 64", k);
    }

    public static RecallQuery of(String text) {
        return new RecallQuery(text, 3, null, true);
    }

    public RecallQuery k(int count) {
        return new RecallQuery(text, count, asOf, gated);
    }

    public RecallQuery asOf(Instant time) {
        return new RecallQuery(text, k, time, gated);
    }

    public RecallQuery gated(boolean on) {
        return new RecallQuery(text, k, asOf, on);
    }
}
