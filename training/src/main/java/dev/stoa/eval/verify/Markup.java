// SPDX-License-Identifier: Apache-2.0
package dev.stoa.eval.verify;

import java.util.Map;
import java.util.TreeMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/// `<luvo id="r4">3</luvo>`: element name, attributes in any order, text.
final class Markup {
    private static final Pattern OPEN =
            Pattern.compile("<([A-Za-z][\\w-]*)((?: [\\w-]+ ?= ?(?:\"[^\"<]*\"|'[^'<]*'))*) ?(/?)>");
    private static final Pattern ATTRIBUTE = Pattern.compile("([\\w-]+) ?= ?(?:\"([^\"<]*)\"|'([^'<]*)')");

    record Element(String name, Map<String, String> attributes, String text) {}

    private Markup() {}

    static Element parse(String text) throws BadSyntax {
        Matcher open = OPEN.matcher(text);
        if (!open.lookingAt()) throw new BadSyntax("not an element");
        Map<String, String> attributes = new TreeMap<>();
        Matcher attribute = ATTRIBUTE.matcher(open.group(2));
        while (attribute.find()) {
            String value = attribute.group(2) == null ? attribute.group(3) : attribute.group(2);
            boolean twice = attributes.put(attribute.group(1), value) != null;
            if (twice) throw new BadSyntax("%s given twice", attribute.group(1));
        }
        String name = open.group(1);
        String rest = text.substring(open.end());
        if (!open.group(3).isEmpty()) {
            if (!rest.isEmpty()) throw new BadSyntax("text after the element");
            return new Element(name, attributes, "");
        }
        String close = "</" + name + ">";
        if (!rest.endsWith(close)) throw new BadSyntax("%s is not closed", name);
        String inside = rest.substring(0, rest.length() - close.length()).strip();
        if (inside.indexOf('<') >= 0) throw new BadSyntax("an element inside %s", name);
        return new Element(name, attributes, inside);
    }
}
