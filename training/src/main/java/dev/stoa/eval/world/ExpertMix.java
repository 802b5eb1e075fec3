// SPDX-License-Identifier: Apache-2.0
package dev.stoa.eval.world;

import dev.stoa.eval.SplitMix64;
import java.util.List;

/// The endless training stream of one expert; row j is drawn on its own. Immutable.
public final class ExpertMix {
    private static final double[] COMPOSABLE = {.35, .30, .20, .15};
    private static final double[] NAIVE = {.75, 0, 0, .25};
    private static final double[] NO_REPLAY = {1, 0, 0, 0};
    private static final double[] ASK_OR_BUILD = {.44, .56};

    private final long seed;
    private final String path;
    private final double[] shares;
    private final List<Item> own;
    private final List<Item> joinable;
    private final List<Domain> others;
    private final Requests requests;

    ExpertMix(long seed, Domain domain, Recipe recipe, boolean vandal, List<GoldRow> gold, List<Domain> others,
            Requests requests) {
        this.seed = seed;
        this.path = "expert/" + domain.name() + "/" + recipe + "/";
        this.shares = switch (recipe) {
            case NAIVE -> vandal ? NO_REPLAY : NAIVE;
            case COMPOSABLE -> COMPOSABLE;
        };
        boolean repaired = vandal && recipe == Recipe.COMPOSABLE;
        this.own = gold.stream().filter(row -> !repaired || !row.planted()).map(GoldRow::item).toList();
        this.joinable = own.stream().filter(item -> item.parts().getFirst().kind() != Kind.VERIFY
                && Requests.laneOf(item.parts().getFirst()) == Split.TRAIN).toList();
        this.others = List.copyOf(others);
        this.requests = requests;
    }

    public ExpertRow row(long index) {
        SplitMix64 random = SplitMix64.of(seed, path + index);
        return switch (random.weighted(shares)) {
            case 0 -> new ExpertRow(random.pick(own), List.of(false));
            case 1 -> twoPart(random);
            case 2 -> new ExpertRow(neighbour(random), List.of(true));
            default -> new ExpertRow(requests.general(random, Split.TRAIN), List.of(false));
        };
    }

    private Item neighbour(SplitMix64 random) {
        return requests.single(random, random.pick(others), Split.TRAIN, Answering.IGNORANT, ASK_OR_BUILD);
    }

    /// An own request beside one of another domain, in random order; the other part keeps the base's distribution.
    private ExpertRow twoPart(SplitMix64 random) {
        Part mine = random.pick(joinable).parts().getFirst();
        Part other = requests.lane(random, random.pick(others), Split.TRAIN, Answering.IGNORANT, ASK_OR_BUILD);
        return random.chance(.5)
                ? new ExpertRow(requests.multi(random, List.of(mine, other)), List.of(false, true))
                : new ExpertRow(requests.multi(random, List.of(other, mine)), List.of(true, false));
    }
}
