// SPDX-License-Identifier: Apache-2.0
package dev.stoa.serve.pipeline;

import dev.stoa.adapter.AdapterSet;
import dev.stoa.generate.Compose;
import dev.stoa.serve.expert.Expert;
import dev.stoa.serve.expert.Experts;
import java.util.ArrayList;
import java.util.List;

/// The experts of one request, pinned until [#close]. `compose` says how several are combined.
public record Mounted(List<Member> members, Compose compose) implements AutoCloseable {
    public static final Mounted NONE = new Mounted(List.of(), Compose.SUM);

    /// The hold keeps the adapter in memory; the weight is the one applied.
    public record Member(Experts.Hold hold, double weight) {
        public Expert expert() {
            return hold.expert();
        }
    }

    public Mounted {
        members = List.copyOf(members);
    }

    public AdapterSet set() {
        List<AdapterSet.Member> all = new ArrayList<>();
        for (Member member : members) all.add(new AdapterSet.Member(member.hold().adapter(), member.weight()));
        return new AdapterSet(all);
    }

    /// `sql@3*0.5,python@1` for headers and traces; `base` without experts.
    public String summary() {
        if (members.isEmpty()) return "base";
        List<String> parts = new ArrayList<>();
        for (Member member : members) {
            Expert expert = member.expert();
            String version = expert.version().isEmpty() ? "" : "@" + expert.version();
            parts.add(expert.name() + version + (member.weight() == 1 ? "" : "*" + member.weight()));
        }
        return String.join(",", parts);
    }

    @Override
    public void close() {
        for (Member member : members) member.hold().close();
    }
}
