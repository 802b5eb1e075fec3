// SPDX-License-Identifier: Apache-2.0
package dev.stoa.template;

import java.time.LocalDateTime;
import java.time.format.DateTimeFormatter;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;

/// Global functions of chat templates; `raise_exception` is the interpreter's.
final class Functions {
    static final Set<String> NAMES = Set.of("namespace", "dict", "range", "raise_exception", "strftime_now");
    private static final int MAX_RANGE = 100_000;
    private static final Map<Character, String> DATE_FIELDS = Map.ofEntries(
            Map.entry('Y', "uuuu"), Map.entry('y', "uu"), Map.entry('m', "MM"), Map.entry('d', "dd"), Map.entry('H', "HH"),
            Map.entry('I', "hh"), Map.entry('M', "mm"), Map.entry('S', "ss"), Map.entry('p', "a"), Map.entry('j', "DDD"),
            Map.entry('b', "MMM"), Map.entry('B', "MMMM"), Map.entry('a', "EEE"), Map.entry('A', "EEEE"));

    private Functions() {}

    static Object call(String name, CallArguments arguments, LocalDateTime now, Budget budget) {
        return switch (name) {
            case "namespace" -> {
                if (!arguments.positional().isEmpty()) throw new Problem("namespace takes named arguments only");
                yield Value.Namespace.of(arguments.named());
            }
            case "dict" -> {
                if (!arguments.positional().isEmpty()) throw new Problem("dict takes named arguments only");
                yield new java.util.LinkedHashMap<Object, Object>(arguments.named());
            }
            case "range" -> range(arguments, budget);
            case "strftime_now" -> date(arguments.bind(name, "format", CallArguments.REQUIRED)[0], now);
            default -> throw new IllegalStateException(name);
        };
    }

    private static List<Object> range(CallArguments arguments, Budget budget) {
        List<Object> given = arguments.positional();
        if (given.isEmpty() || given.size() > 3 || !arguments.named().isEmpty()) throw new Problem("range takes one to three integers");
        long from = given.size() == 1 ? 0 : Values.integer(given.get(0), "a bound of range");
        long to = Values.integer(given.get(given.size() == 1 ? 0 : 1), "a bound of range");
        long step = given.size() < 3 ? 1 : Values.integer(given.get(2), "the step of range");
        if (step == 0) throw new Problem("the step of range cannot be zero");
        List<Object> numbers = new ArrayList<>();
        for (long i = from; step > 0 ? i < to : i > to; i += step) {
            if (numbers.size() == MAX_RANGE) throw new Problem("a range has more than %d numbers", MAX_RANGE);
            numbers.add(i);
        }
        budget.elements(numbers.size());
        return numbers;
    }

    /// The common directives of strftime, in English.
    private static String date(Object format, LocalDateTime now) {
        if (!(format instanceof String text)) throw new Problem("strftime_now needs a string, not %s", Values.type(format));
        StringBuilder out = new StringBuilder();
        for (int i = 0; i < text.length(); i++) {
            char c = text.charAt(i);
            if (c != '%') {
                out.append(c);
                continue;
            }
            boolean bare = text.startsWith("%-", i);
            i += bare ? 2 : 1;
            char directive = i < text.length() ? text.charAt(i) : ' ';
            String pattern = DATE_FIELDS.get(directive);
            if (pattern == null && directive != '%') throw new Problem("strftime_now does not know %%%s", directive);
            String value = pattern == null ? "%" : now.format(DateTimeFormatter.ofPattern(pattern, Locale.ENGLISH));
            out.append(bare && value.length() > 1 ? value.replaceFirst("^0+(?=.)", "") : value);
        }
        return out.toString();
    }
}
