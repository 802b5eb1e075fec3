// SPDX-License-Identifier: Apache-2.0
package dev.stoa.gate;

import java.security.SecureRandom;

/// Names of runs: 26 characters that sort by time (the ULID format: 48 bits of milliseconds, 80 random bits).
public final class RunId {
    private static final String ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

    private RunId() {}

    public static String next() {
        SecureRandom random = new SecureRandom();
        return of(System.currentTimeMillis(), random.nextLong(), random.nextInt(1 << 16));
    }

    static String of(long timeMs, long high64, int low16) {
        char[] id = new char[26];
        for (int i = 9; i >= 0; i--, timeMs >>>= 5) id[i] = ALPHABET.charAt((int) (timeMs & 31));
        for (int i = 25; i >= 10; i--) {
            id[i] = ALPHABET.charAt(low16 & 31);
            // 80 bits held as 64 + 16: shift the pair right by five
            low16 = (int) ((low16 >>> 5 | (high64 & 31) << 11) & 0xFFFF);
            high64 >>>= 5;
        }
        return new String(id);
    }
}
