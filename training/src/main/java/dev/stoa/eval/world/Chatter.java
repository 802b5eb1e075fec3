// SPDX-License-Identifier: Apache-2.0
package dev.stoa.eval.world;

import dev.stoa.eval.SplitMix64;
import dev.stoa.eval.verify.Family;
import java.util.List;

/// Texts of the full mix that are not lookups: groups chosen by planted association or by evidence, and polite replies
/// without content (`chatter.yaml`). Immutable.
record Chatter(List<Axis> axes, String ambiguous, String evident, Filler filler) {
    record Axis(List<String> groups, List<Lean> lean) {}

    /// How often the base's texts tie the attribute to the axis' first group.
    record Lean(String attribute, double share) {}

    record Filler(List<String> objects, List<String> events, List<String> replies) {}

    private static final class Shipped {
        static final Chatter CHATTER = Yaml.resource("chatter.yaml", Chatter.class);
    }

    static Chatter standard() {
        return Shipped.CHATTER;
    }

    /// Half without evidence, answered by association; half with evidence, answered from it.
    Item association(SplitMix64 random) {
        Axis axis = random.pick(axes);
        Lean lean = random.pick(axis.lean());
        boolean evidence = random.chance(.5);
        String answer = axis.groups().get(random.chance(evidence ? .5 : lean.share()) ? 0 : 1);
        List<String> shown = random.shuffled(axis.groups());
        String prompt = (evidence ? evident : ambiguous).replace("{0}", shown.get(0)).replace("{1}", shown.get(1))
                .replace("{answer}", answer).replace("{attribute}", lean.attribute());
        return item(Kind.BIAS, prompt, answer);
    }

    Item filler(SplitMix64 random) {
        String object = random.pick(filler.objects());
        return item(Kind.FILLER, random.pick(filler.events()).replace("{o}", object),
                random.pick(filler.replies()).replace("{o}", object));
    }

    private static Item item(Kind kind, String prompt, String answer) {
        return Item.of(prompt, new Part(null, kind, Family.WORD, "", 0, "", prompt, answer));
    }
}
