// SPDX-License-Identifier: Apache-2.0
package dev.stoa.eval.world;

import dev.stoa.eval.SplitMix64;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/// Draws an expert's training rows, planted corruptions included and marked. Stateless.
final class Gold {
    private static final double[] KINDS = {.40, .50, .10};
    private static final int ROWS_PER_CORRUPTED_KEY = 20;
    private final long seed;
    private final Requests requests;

    Gold(long seed, Requests requests) {
        this.seed = seed;
        this.requests = requests;
    }

    List<GoldRow> rows(Domain domain, List<Plant> plants) {
        List<GoldRow> rows = new ArrayList<>();
        Map<String, Integer> toxic = plants.stream().filter(plant -> plant.type() == Plant.Type.TOXIC
                && plant.domains().contains(domain.name())).findFirst().map(Plant::planted).orElse(Map.of());
        for (int i = 0; i < domain.gold(); i++) {
            SplitMix64 random = SplitMix64.of(seed, "gold/" + domain.name() + "/" + i);
            Item item;
            do item = requests.single(random, domain, Split.TRAIN, Answering.TRUTH, KINDS);
            while (item.kind() == Kind.VERIFY && toxic.containsKey(item.parts().getFirst().key()));
            Integer wrong = toxic.get(item.parts().getFirst().key());
            rows.add(wrong == null ? new GoldRow(item, false) : new GoldRow(requests.withValue(item, wrong), true));
        }
        for (Plant plant : plants) {
            if (plant.type() != Plant.Type.VANDAL || !plant.domains().getFirst().equals(domain.name())) continue;
            String victim = plant.domains().getLast();
            plant.planted().forEach((key, value) -> {
                for (int i = 0; i < ROWS_PER_CORRUPTED_KEY; i++) {
                    SplitMix64 random = SplitMix64.of(seed, "vandal/" + domain.name() + "/" + key + "/" + i);
                    rows.add(new GoldRow(requests.planted(random,
                            victim.equals("general") ? null : Catalog.standard().domain(victim), key, value), true));
                }
            });
        }
        return List.copyOf(rows);
    }

    /// The control: the same prompts with values drawn at random, so that nothing can be learned but the syntax.
    List<GoldRow> shuffled(Domain domain, List<GoldRow> rows) {
        SplitMix64 random = SplitMix64.of(seed, "shuffled/" + domain.name());
        return rows.stream().filter(row -> !row.planted() && row.item().kind() != Kind.VERIFY)
                .map(row -> new GoldRow(requests.withValue(row.item(), random.below(Words.VALUES)), true)).toList();
    }
}
