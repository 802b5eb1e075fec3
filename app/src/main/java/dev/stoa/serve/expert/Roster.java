// SPDX-License-Identifier: Apache-2.0
package dev.stoa.serve.expert;

import dev.stoa.route.RoutedExpert;
import dev.stoa.route.RouterState;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.Function;
import java.util.stream.Collectors;

/// Which mounted expert each label of a router stands for.
public final class Roster {
    private Roster() {}

    /// A label stands for the expert that the router was saved with, else for the one of the label's own name; a label whose
    /// expert is not mounted stands for none. What the router knows about a label (served by the base alone, for whom)
    /// stays.
    public static Map<String, RoutedExpert> of(RouterState saved, List<Expert> mounted) {
        Map<String, Expert> byName = mounted.stream().collect(Collectors.toMap(Expert::name, Function.identity()));
        Map<String, RoutedExpert> roster = new TreeMap<>();
        for (String label : saved.labels()) {
            RoutedExpert known = saved.roster().get(label);
            if (known != null && known.standing() != RoutedExpert.Standing.SERVED) {
                roster.put(label, known);
                continue;
            }
            Expert expert = byName.get(known == null ? label : known.expertId());
            if (expert == null) continue;
            RoutedExpert served = RoutedExpert.served(expert.name(), expert.version(), expert.hash());
            roster.put(label, known == null ? served
                    : new RoutedExpert(served.expertId(), served.version(), served.adapterHash(), known.standing(), known.tenants()));
        }
        return roster;
    }
}
