// SPDX-License-Identifier: Apache-2.0
package dev.stoa.eval.verify;

import java.util.Map;
import java.util.Set;

/// The verifiers of a vocabulary: its value words and what they measure. Immutable.
public final class Verifiers {
    /// What a unit measures and its power of ten.
    public record Unit(int dimension, int exponent) {}

    private final Map<String, Unit> units;
    private final Set<String> values;

    /// @param units every value word, with the unit it names
    public Verifiers(Map<String, Unit> units) {
        this.units = Map.copyOf(units);
        this.values = Set.copyOf(units.keySet());
    }

    /// The verifier of a family.
    public Verifier of(Family family) {
        return switch (family) {
            case PROGRAM -> new Programs();
            case QUERY -> new Queries(values);
            case WORD -> new Structure(family, Lines::word);
            case CALL -> new Structure(family, Calls::parse);
            case SEXPR -> new Structure(family, Sexprs::parse);
            case MAP -> new Structure(family, Maps::parse);
            case MARKUP -> new Structure(family, Markup::parse);
            case NETLIST -> new Structure(family, Lines::netlist);
            case UNIT -> new Structure(family, text -> Lines.quantity(text, units));
            case CHAIN -> new Structure(family, Lines::chain);
            case SENTENCE -> new Structure(family, text -> Lines.sentence(text, values));
        };
    }

    Map<String, Unit> units() {
        return units;
    }
}
