// SPDX-License-Identifier: Apache-2.0
package dev.stoa.template.dialect;

import java.util.regex.Matcher;
import java.util.regex.Pattern;

/// Headers of the harmony format (gpt-oss): `<|start|>assistant<|channel|>commentary to=functions.N <|constrain|>json<|message|>`.
record Harmony(String channel, String function) {
    static final String START = "<|start|>";
    static final String CHANNEL = "<|channel|>";
    static final String MESSAGE = "<|message|>";
    private static final Pattern NAME = Pattern.compile("<\\|channel\\|>\\s*(\\w+)");
    private static final Pattern TO = Pattern.compile("\\bto=(?:functions\\.)?([^\\s<]+)");

    /// Reads the text before `<|message|>`; what a header leaves out is null.
    static Harmony of(String header) {
        Matcher channel = NAME.matcher(header);
        Matcher to = TO.matcher(header);
        return new Harmony(channel.find() ? channel.group(1) : null, to.find() ? to.group(1) : null);
    }
}
