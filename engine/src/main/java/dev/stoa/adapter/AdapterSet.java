// SPDX-License-Identifier: Apache-2.0
package dev.stoa.adapter;

import dev.stoa.EngineFault;
import dev.stoa.Fault;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashSet;
import java.util.List;
import java.util.Set;

/// Up to four distinct adapters with weights in [-4, 4], sorted by hash, weight 0 removed; empty is the base.
/// Travels with a row of the batch, never in a global, so the order of a request cannot matter.
public record AdapterSet(List<Member> members) {
    public static final int LIMIT = 4;
    public static final AdapterSet BASE = new AdapterSet(List.of());

    public record Member(Adapter adapter, double weight) {}

    public AdapterSet {
        Set<String> seen = new HashSet<>();
        List<Member> kept = new ArrayList<>();
        for (Member member : members) {
            Fault.require(seen.add(member.adapter().hash()), EngineFault.DUPLICATE_EXPERT,
                    "adapter %s appears twice in one set", member.adapter().hash());
            Fault.require(member.weight() >= -4 && member.weight() <= 4, EngineFault.INVALID_WEIGHT,
                    "adapter weight %s is outside [-4, 4]", member.weight());
            if (member.weight() != 0) kept.add(member);
        }
        Fault.require(kept.size() <= LIMIT, EngineFault.TOO_MANY_EXPERTS,
                "%d adapters in one set, at most %d are allowed", kept.size(), LIMIT);
        kept.sort(Comparator.comparing(member -> member.adapter().hash()));
        members = List.copyOf(kept);
    }

    public static AdapterSet of(Adapter adapter) {
        return new AdapterSet(List.of(new Member(adapter, 1)));
    }
}
