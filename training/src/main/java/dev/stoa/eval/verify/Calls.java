// SPDX-License-Identifier: Apache-2.0
package dev.stoa.eval.verify;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/// `y = luvo(x, 3);` and `docker run -p 3 --name r4 luvo`: name, positional arguments in order, flags as a set.
final class Calls {
    private static final Pattern CALL = Pattern.compile("(?:(\\w+) ?= ?)?([A-Za-z_][\\w.]*) ?\\(([^()]*)\\) ?(;?)");
    private static final Pattern ARGUMENT = Pattern.compile("(?:[\\w./-]+|\"[^\"]*\"|'[^']*')");
    private static final Pattern COMMAND = Pattern.compile("[.A-Za-z_][\\w.]*");
    private static final Pattern TOKEN = Pattern.compile("[\\w./:-]+");

    /// @param flags named arguments; `=` names the variable assigned, `;` a closed statement
    record Call(String name, List<Object> positional, Map<String, Object> flags) {}

    private Calls() {}

    static Call parse(String text) throws BadSyntax {
        return text.indexOf('(') >= 0 ? call(text) : command(text);
    }

    private static Call call(String text) throws BadSyntax {
        Matcher matcher = Text.match(CALL, text, "a call name(arguments)");
        Map<String, Object> flags = new TreeMap<>();
        if (matcher.group(1) != null) flags.put("=", matcher.group(1));
        if (!matcher.group(4).isEmpty()) flags.put(";", true);
        List<Object> positional = new ArrayList<>();
        if (!matcher.group(3).isBlank()) {
            for (String argument : matcher.group(3).split(",", -1)) {
                Text.match(ARGUMENT, argument.strip(), "an argument: " + argument);
                positional.add(Text.value(argument.strip().replace('\'', '"')));
            }
        }
        return new Call(matcher.group(2), positional, flags);
    }

    private static Call command(String text) throws BadSyntax {
        String[] tokens = text.split(" ");
        Text.match(COMMAND, tokens[0], "a command name: " + tokens[0]);
        Map<String, Object> flags = new TreeMap<>();
        List<Object> positional = new ArrayList<>();
        for (int i = 1; i < tokens.length; i++) {
            String token = tokens[i];
            int equals = token.indexOf('=');
            String name = equals < 0 ? token : token.substring(0, equals);
            Text.match(TOKEN, name, "an argument: " + token);
            if (equals < 0 && !token.startsWith("-")) {
                positional.add(Text.value(token));
                continue;
            }
            if (equals < 0 && ++i == tokens.length) throw new BadSyntax("%s lacks its value", name);
            String value = equals < 0 ? tokens[i] : token.substring(equals + 1);
            Text.match(TOKEN, value, "a value of " + name + ": " + value);
            if (value.startsWith("-")) throw new BadSyntax("%s lacks its value", name);
            if (flags.put(name, Text.value(value)) != null) throw new BadSyntax("%s given twice", name);
        }
        return new Call(tokens[0], positional, flags);
    }
}
