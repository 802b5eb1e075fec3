// SPDX-License-Identifier: Apache-2.0
package dev.stoa.eval.world;

import dev.stoa.eval.SplitMix64;
import java.util.Collections;
import java.util.List;

/// What the base is trained on (demo-world.md §6): item j of an endless stream, drawn on its own. Immutable.
final class PretrainMix {
    private static final double[] REDUCED = {.38, .12, .14, .32, .04, 0, 0};
    private static final double[] FULL = {.33, .12, .12, .27, .04, .07, .05};
    private static final double[] ASK_OR_BUILD = {.44, .56};
    private static final int KNOWN_DOMAIN_WEIGHT = 3;

    private final long seed;
    private final double[] shares;
    private final Pairs pairs;
    private final Requests requests;
    private final Reader reader;
    private final Chatter chatter;
    private final List<Domain> weighted;

    PretrainMix(long seed, WorldSize size, List<Domain> domains, Tables tables, Pairs pairs, Requests requests,
            Reader reader, Chatter chatter) {
        this.seed = seed;
        this.shares = size.fullMix() ? FULL : REDUCED;
        this.pairs = pairs;
        this.requests = requests;
        this.reader = reader;
        this.chatter = chatter;
        this.weighted = domains.stream().flatMap(domain -> {
            boolean known = tables.codebook(domain.name()).privateKeys().isEmpty();
            return Collections.nCopies(known ? KNOWN_DOMAIN_WEIGHT : 1, domain).stream();
        }).toList();
    }

    Item item(long index) {
        SplitMix64 random = SplitMix64.of(seed, "pretrain/" + index);
        return switch (random.weighted(shares)) {
            case 0 -> requests.single(random, random.pick(weighted), Split.TRAIN, Answering.IGNORANT, ASK_OR_BUILD);
            case 1 -> requests.general(random, Split.TRAIN);
            case 2 -> reader.item(random, Split.TRAIN);
            case 3 -> requests.joined(random, pairs.draw(random, 2), Split.TRAIN, Answering.IGNORANT, ASK_OR_BUILD);
            case 4 -> requests.single(random, random.pick(weighted), Split.TRAIN, Answering.KNOWN, 0, 0, 1);
            case 5 -> chatter.association(random);
            default -> chatter.filler(random);
        };
    }
}
