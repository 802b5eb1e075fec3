// SPDX-License-Identifier: Apache-2.0
package dev.stoa.cli;

import dev.stoa.AppFault;
import dev.stoa.Fault;
import java.nio.file.Path;
import java.util.Locale;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/// `--expert [NAME=]DIR[*WEIGHT]`, the adapter being a directory or a GGUF file: without a name, that of the file.
record ExpertArgument(String name, Path directory, double weight) {
    private static final Pattern FORM = Pattern.compile("(?:([A-Za-z0-9][A-Za-z0-9._-]{0,63})=)?(.+?)(?:\\*([0-9.]+))?");

    static ExpertArgument parse(String text) {
        Matcher matcher = FORM.matcher(text);
        if (!matcher.matches()) {
            throw Fault.of(AppFault.USAGE, "not an expert: \"%s\"", text).expected("[NAME=]DIR[*WEIGHT]").exception();
        }
        Path directory = Path.of(matcher.group(2));
        String name = matcher.group(1);
        if (name == null) {
            Path last = directory.toAbsolutePath().normalize().getFileName();
            name = last == null ? "expert" : last.toString().replaceFirst("\\.gguf$", "").replaceAll("[^A-Za-z0-9._-]", "-");
        }
        return new ExpertArgument(name.toLowerCase(Locale.ROOT), directory, weight(matcher.group(3), text));
    }

    private static double weight(String text, String whole) {
        if (text == null) return 1;
        try {
            double weight = Double.parseDouble(text);
            if (weight > 0 && weight <= 2) return Math.max(1, Math.round(weight * 64)) / 64.0;
        } catch (NumberFormatException notNumber) {
            // falls through to the same message
        }
        throw Fault.of(AppFault.USAGE, "the weight of an expert is out of range").where("--expert " + whole).got(text)
                .expected("a number in (0, 2]").exception();
    }
}
