// SPDX-License-Identifier: Apache-2.0
package dev.stoa.serve.http;

import java.security.SecureRandom;
import java.util.regex.Pattern;

/// Random ids of letters and digits.
public final class Ids {
    private static final String ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    private static final Pattern CLIENT_ID = Pattern.compile("[A-Za-z0-9._-]{1,64}");
    private static final SecureRandom RANDOM = new SecureRandom();

    private Ids() {}

    public static String random(String prefix, int length) {
        StringBuilder id = new StringBuilder(prefix);
        for (int i = 0; i < length; i++) id.append(ALPHABET.charAt(RANDOM.nextInt(ALPHABET.length())));
        return id.toString();
    }

    /// The client's own request id when it is a plain one, else a new one.
    static String request(String given) {
        return given != null && CLIENT_ID.matcher(given).matches() ? given : random("req_", 16);
    }
}
