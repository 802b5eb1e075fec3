// SPDX-License-Identifier: Apache-2.0
package dev.stoa.memory;

import java.security.SecureRandom;

/// Identifiers that sort by time of creation: 48 bits of milliseconds, 80 random bits, in Crockford's base 32.
/// Within a millisecond the random part counts up, so the order of creation is kept. Thread-safe.
final class Ulid {
    private static final String ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
    private final SecureRandom random = new SecureRandom();
    private long lastMs = -1;
    private long high; // 16 random bits
    private long low; // 64 random bits

    synchronized String next(long ms) {
        if (ms > lastMs) {
            lastMs = ms;
            high = random.nextInt(1 << 15);
            low = random.nextLong();
        } else if (++low == 0) {
            high++;
        }
        StringBuilder text = new StringBuilder(26);
        for (int shift = 45; shift >= 0; shift -= 5) text.append(ALPHABET.charAt((int) (lastMs >>> shift & 31)));
        // 80 bits in 16 digits: high (16) then low (64).
        for (int digit = 15; digit >= 0; digit--) {
            int shift = digit * 5;
            long bits = shift >= 64 ? high >>> (shift - 64)
                    : shift + 5 <= 64 ? low >>> shift
                    : low >>> shift | high << (64 - shift);
            text.append(ALPHABET.charAt((int) (bits & 31)));
        }
        return text.toString();
    }
}
