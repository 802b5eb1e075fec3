// SPDX-License-Identifier: Apache-2.0
package dev.stoa.memory;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/// What can be said about entities: predicates with their other names, and the sentences that state or withdraw a
/// value. Rules only; a sentence that matches none states nothing. Immutable and thread-safe.
public final class PredicateTable {
    public static final PredicateTable EMPTY = new PredicateTable(List.of(), List.of(), List.of());
    private static final String ENTITY = "(?<e>[\\p{L}\\p{N}_-]+(?: [\\p{L}\\p{N}_-]+)?)";
    private static final String VALUE = "(?<v>[^?]+?)";

    /// `aliases` are other words for the same predicate. Of a functional one a subject has one value at a time.
    public record Predicate(String name, List<String> aliases, boolean functional) {
        public Predicate {
            aliases = List.copyOf(aliases);
        }
    }

    /// What one sentence said; `object` null withdraws the value.
    record Statement(String subject, Predicate predicate, String object) {}

    private final Map<String, Predicate> byWord = new LinkedHashMap<>();
    private final List<Pattern> statements = new ArrayList<>();
    private final List<Pattern> withdrawals = new ArrayList<>();

    /// Templates hold `{e}` (entity), `{p}` (predicate name or alias) and, in statements, `{v}` (value):
    /// "the {p} of {e} is {v}".
    public PredicateTable(List<Predicate> predicates, List<String> statements, List<String> withdrawals) {
        for (Predicate predicate : predicates) {
            byWord.put(predicate.name().toLowerCase(Locale.ROOT), predicate);
            for (String alias : predicate.aliases()) byWord.putIfAbsent(alias.toLowerCase(Locale.ROOT), predicate);
        }
        if (byWord.isEmpty()) return;
        for (String template : statements) this.statements.add(pattern(template));
        for (String template : withdrawals) this.withdrawals.add(pattern(template));
    }

    private Pattern pattern(String template) {
        StringBuilder regex = new StringBuilder();
        Matcher slots = Pattern.compile("\\{[epv]}").matcher(template);
        int at = 0;
        while (slots.find()) {
            regex.append(Pattern.quote(template.substring(at, slots.start())));
            regex.append(switch (slots.group()) {
                case "{e}" -> ENTITY;
                case "{v}" -> VALUE;
                default -> "(?<p>" + String.join("|", byWord.keySet().stream().map(Pattern::quote).toList()) + ")";
            });
            at = slots.end();
        }
        regex.append(Pattern.quote(template.substring(at)));
        return Pattern.compile(regex.toString(), Pattern.CASE_INSENSITIVE | Pattern.UNICODE_CASE);
    }

    /// What the sentences of a text state, in order.
    List<Statement> read(String text) {
        List<Statement> found = new ArrayList<>();
        if (byWord.isEmpty()) return found;
        for (String sentence : text.split("(?<=[.!?;])\\s+|\\R")) {
            String plain = sentence.strip().replaceAll("[.!;]+$", "");
            if (plain.isEmpty() || plain.length() > 512) continue;
            Statement statement = first(withdrawals, plain, false);
            if (statement == null) statement = first(statements, plain, true);
            if (statement != null) found.add(statement);
        }
        return found;
    }

    private Statement first(List<Pattern> patterns, String sentence, boolean value) {
        for (Pattern pattern : patterns) {
            Matcher match = pattern.matcher(sentence);
            if (!match.matches()) continue;
            return new Statement(match.group("e"),
                    byWord.get(match.group("p").toLowerCase(Locale.ROOT)), value ? match.group("v").strip() : null);
        }
        return null;
    }

    /// The predicates that one of the words names.
    Set<Predicate> named(List<String> words) {
        Set<Predicate> found = new LinkedHashSet<>();
        for (String word : words) {
            Predicate predicate = byWord.get(word);
            if (predicate != null) found.add(predicate);
        }
        return found;
    }
}
