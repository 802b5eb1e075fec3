// SPDX-License-Identifier: Apache-2.0
package dev.stoa.route.fit;

import dev.stoa.route.feature.RouteText;
import dev.stoa.template.Message;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;

/// Training rows under four contexts in turn (none, two generic system prompts, a preceding exchange), so that what stands
/// before a question does not move its label. Rows with a context of their own keep it.
public final class RouteContexts {
    private static final List<String> SYSTEM = List.of("You are a helpful assistant.", "Answer briefly and correctly.");

    private RouteContexts() {}

    /// The same rows in the same order. `systemPrompts` false: the base's chat template refuses system messages.
    public static List<RouteRow> spread(List<RouteRow> rows, boolean systemPrompts, long seed) {
        SplittableRandom random = new SplittableRandom(seed);
        List<RouteRow> train = rows.stream().filter(row -> row.split() == RouteRow.Split.TRAIN).toList();
        List<RouteRow> spread = new ArrayList<>();
        int turn = 0;
        for (RouteRow row : rows) {
            if (row.split() != RouteRow.Split.TRAIN || !row.text().before().isEmpty()) {
                spread.add(row);
                continue;
            }
            int context = turn++ % 4;
            String earlier = train.get(random.nextInt(train.size())).text().user();
            List<Message> before = switch (context) {
                case 1, 2 -> systemPrompts ? List.of(new Message("system", SYSTEM.get(context - 1))) : List.of();
                case 3 -> List.of(new Message("user", earlier), new Message("assistant", "Here is what I know about that."));
                default -> List.of();
            };
            spread.add(new RouteRow(new RouteText(before, row.text().user()), row.labels(), row.split()));
        }
        return spread;
    }
}
