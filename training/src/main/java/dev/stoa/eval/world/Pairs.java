// SPDX-License-Identifier: Apache-2.0
package dev.stoa.eval.world;

import dev.stoa.eval.SplitMix64;
import java.util.ArrayList;
import java.util.List;

/// Which domains meet in one prompt: half at random, 30 % siblings, 20 % conflict pairs. Immutable.
final class Pairs {
    private final List<Domain> domains;
    private final List<List<Domain>> siblings = new ArrayList<>();
    private final List<List<Domain>> conflicts = new ArrayList<>();

    Pairs(List<Domain> domains, List<Plant> plants) {
        this.domains = domains;
        for (Domain first : domains) {
            for (Domain second : domains) {
                boolean related = first.intent().equals(second.intent()) || first.label().equals(second.label());
                if (first != second && related) siblings.add(List.of(first, second));
            }
        }
        for (Plant plant : plants) {
            if (plant.type() != Plant.Type.CONFLICT) continue;
            Domain first = named(plant.domains().get(0));
            Domain second = named(plant.domains().get(1));
            conflicts.add(List.of(first, second));
            conflicts.add(List.of(second, first));
        }
    }

    /// Distinct domains; the first two are drawn as a pair.
    List<Domain> draw(SplitMix64 random, int count) {
        List<List<Domain>> from = switch (random.weighted(.5, .3, .2)) {
            case 1 -> siblings;
            case 2 -> conflicts;
            default -> List.of();
        };
        List<Domain> drawn = new ArrayList<>(from.isEmpty() ? List.of() : random.pick(from));
        while (drawn.size() < count) {
            Domain next = random.pick(domains);
            if (!drawn.contains(next)) drawn.add(next);
        }
        return drawn;
    }

    private Domain named(String name) {
        return domains.stream().filter(domain -> domain.name().equals(name)).findFirst().orElseThrow();
    }
}
