// SPDX-License-Identifier: Apache-2.0
package dev.stoa.eval.world;

import dev.stoa.eval.verify.Family;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.regex.Pattern;

/// How the world asks: openers, tails, request variants, and who shares what (`phrases.yaml`). Immutable.
record Phrases(
        List<String> openers, List<String> tails, Map<String, List<String>> ask, Map<String, List<String>> verify,
        Map<String, List<String>> build, List<String> general, Sharing plan, Map<String, List<String>> sizes) {
    /// Variants 0..4 are drawn by every split but `PARAPHRASE`, which draws this one alone.
    static final int HELD_OUT = 5;
    private static final Pattern OPTIONAL = Pattern.compile("\\[([^\\]]*\\{([iab])\\}[^\\]]*)\\]");

    /// Who shares keys with whom; counts are in [Plan].
    record Sharing(List<String> base_knows, List<String> toxic, List<List<String>> conflict,
            List<List<String>> agreement, Stale stale, List<Vandal> vandals) {}

    record Stale(List<String> trained_on_old, String trained_on_new) {}

    record Vandal(String domain, String victim) {}

    private static final class Shipped {
        static final Phrases PHRASES = Yaml.resource("phrases.yaml", Phrases.class);
    }

    static Phrases standard() {
        return Shipped.PHRASES;
    }

    /// The request of a variant with the slots left open, those that the domain's answer lacks dropped.
    String request(Domain domain, Kind kind, int variant) {
        String template = variants(domain, kind).get(variant);
        return OPTIONAL.matcher(template).replaceAll(segment ->
                domain.answer().has(segment.group(2)) ? segment.group(1).replace("$", "\\$") : "");
    }

    private List<String> variants(Domain domain, Kind kind) {
        return switch (kind) {
            case ASK -> ask.get((domain.program() ? Family.PROGRAM : Family.WORD).id());
            case VERIFY -> verify.get("any");
            case BUILD -> build.get(domain.family().id());
            case GENERAL, READER, MULTI, BIAS, FILLER ->
                    throw new IllegalArgumentException("no domain asks for " + kind);
        };
    }

    /// Every word a template uses; invented words stay away from them.
    Set<String> vocabulary() {
        List<String> texts = new ArrayList<>();
        texts.addAll(openers);
        texts.addAll(tails);
        texts.addAll(general);
        for (Map<String, List<String>> map : List.of(ask, verify, build)) map.values().forEach(texts::addAll);
        Set<String> words = new LinkedHashSet<>();
        for (String text : texts) words.addAll(Words.split(text));
        return words;
    }
}
