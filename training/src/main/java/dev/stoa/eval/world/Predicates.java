// SPDX-License-Identifier: Apache-2.0
package dev.stoa.eval.world;

import com.fasterxml.jackson.annotation.JsonProperty;
import java.util.List;

/// What dialogues say about entities and how they ask for it (`predicates.yaml`). Immutable.
///
/// @param statements `{e} {p} is {v}`: entity, predicate, value
/// @param questions  phrasings, of which the last six are held out
public record Predicates(
        List<Predicate> predicates, @JsonProperty("assert") List<String> statements, List<String> update,
        List<String> retract, List<String> questions, @JsonProperty("small_talk") List<String> smallTalk) {
    private static final int HELD_OUT = 6;

    /// One predicate: its name, other words for it, and a question that shares no content word with any statement.
    public record Predicate(String name, List<String> aliases, boolean functional, String object, String hard) {}

    private static final class Shipped {
        static final Predicates PREDICATES = Yaml.resource("predicates.yaml", Predicates.class);
    }

    public static Predicates standard() {
        return Shipped.PREDICATES;
    }

    List<String> trainedQuestions() {
        return questions.subList(0, questions.size() - HELD_OUT);
    }

    List<String> heldOutQuestions() {
        return questions.subList(questions.size() - HELD_OUT, questions.size());
    }

    static String fill(String template, String entity, String predicate, String value) {
        return template.replace("{e}", entity).replace("{p}", predicate).replace("{v}", value);
    }
}
