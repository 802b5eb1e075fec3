// SPDX-License-Identifier: Apache-2.0
package dev.stoa.memory;

import dev.stoa.ExpertsFault;
import dev.stoa.Fault;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;

/// What a batch may hold; all problems are raised together.
final class BatchCheck {
    private static final int TEXT_BYTES = 64 << 10;
    private static final int TOTAL_BYTES = 2 << 20; // escaped and with closed copies of facts it still fits one record
    private static final int NAME_CHARS = 512;

    private BatchCheck() {}

    static void check(AppendBatch batch) {
        List<String> issues = new ArrayList<>();
        int size = batch.episodes().size() + batch.facts().size();
        if (size == 0) issues.add("the batch is empty");
        if (size > AppendBatch.LIMIT) issues.add("the batch has " + size + " records, at most " + AppendBatch.LIMIT + " are allowed");
        long total = 0;
        int i = 0;
        for (AppendBatch.NewEpisode episode : batch.episodes()) {
            total += text(issues, "episode " + i++, episode.text(), TEXT_BYTES);
            if (episode.origin() == null) issues.add("episode " + (i - 1) + " has no origin");
        }
        i = 0;
        for (AppendBatch.NewFact fact : batch.facts()) {
            String where = "fact " + i++;
            total += text(issues, where + " subject", fact.subject(), NAME_CHARS);
            total += text(issues, where + " predicate", fact.predicate(), NAME_CHARS);
            if (fact.object() != null) total += text(issues, where + " object", fact.object(), TEXT_BYTES);
            if (fact.origin() == null) issues.add(where + " has no origin");
        }
        if (total > TOTAL_BYTES) issues.add("the batch has " + total + " bytes of text, at most " + TOTAL_BYTES + " are allowed");
        if (!issues.isEmpty()) {
            throw Fault.of(ExpertsFault.INVALID_RECORD, "the batch cannot be remembered").issues(issues).exception();
        }
    }

    /// Adds what is wrong with a text; returns its bytes.
    private static int text(List<String> issues, String where, String text, int limit) {
        if (text == null || text.isBlank()) {
            issues.add(where + " has no text");
            return 0;
        }
        int bytes = text.getBytes(StandardCharsets.UTF_8).length;
        if (bytes > limit) issues.add(where + " has " + bytes + " bytes, at most " + limit + " are allowed");
        for (int i = 0; i < text.length(); i++) {
            char c = text.charAt(i);
            boolean pair = Character.isHighSurrogate(c) && i + 1 < text.length() && Character.isLowSurrogate(text.charAt(i + 1));
            if (c == 0) issues.add(where + " has a NUL at " + i);
            else if (Character.isSurrogate(c) && !pair) issues.add(where + " has a lone surrogate at " + i);
            if (pair) i++;
            if (issues.size() > 16) break;
        }
        return bytes;
    }
}
